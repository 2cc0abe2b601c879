#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/kernel_table.h"

namespace libquant::kernels {

/// Two bfloat16 values that follow each other in a row: what one lane multiplies at a time. Aligned
/// like its values, so any place in a row is one.
struct Bf16Pair {
  std::uint16_t first, second;
};

/// Products of bfloat16, summed in fp32, of one instruction set.
///
/// Both operands are rows of consecutive values (`along` is 2, a pair), the left one fp32 that is
/// rounded to nearest even while it is packed; values below 2^-126 may become 0, here and in sums.
struct Bf16Table {
  const char* name;
  bool (*supported)() noexcept;
  GemmTable<Bf16Pair, float, std::uint16_t, float> gemm;
  /// KernelTable::linear_rows; inputs and the distances of rows count pairs.
  void (*linear_rows)(std::size_t tokens, std::size_t outputs, std::size_t pairs, const Bf16Pair* x,
                      std::size_t ldx, const Bf16Pair* w, std::size_t ldw, bool accumulate,
                      float* y, std::size_t ldy) noexcept;
  /// x rounded, `pairs` of them.
  void (*round)(std::size_t pairs, const float* x, Bf16Pair* to) noexcept;
};

}  // namespace libquant::kernels
