#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace libquant {

/// What a set of matrices would cost at one width.
struct BitChoice {
  int bits = 0;
  std::uint64_t bytes = 0;
  double loss = 0;
};

/// Matrices that get the same width, and the widths that they may have, at least one.
struct BitGroup {
  std::vector<std::string> layers;
  std::vector<BitChoice> choices;
  std::size_t chosen = 0;
};

/// Chooses one width per group so that the sum of the losses is least and the bytes stay within
/// `budget`: a knapsack of several choices, solved exactly by dynamic programming over bytes, in
/// units of the greatest common divisor of all differences. Where that would take more than 50,000
/// steps of bytes, steps are coarser and sizes rounded up, so that the budget holds and the result
/// is the best but for what rounding took. Throws InvalidArgument, naming both numbers, where even
/// the smallest widths exceed the budget.
void allocate_bits(std::span<BitGroup> groups, std::uint64_t budget);

}  // namespace libquant
