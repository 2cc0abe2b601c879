#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "libquant/fairness/probe_trees.h"

namespace libquant {

/// Positions of the tokens that two sequences share: a longest common subsequence (the earliest in
/// both, of equals), as pairs (position in a, position in b), ascending.
std::vector<std::pair<std::size_t, std::size_t>> common_tokens(std::span<const std::int32_t> a,
                                                               std::span<const std::int32_t> b);

/// Rows of a stereotyping sentence and its counterpart that say the same token in different
/// surroundings.
using RowPair = std::pair<std::size_t, std::size_t>;

/// For every pair of sentences in `probes` (trees with two branches or more; the first two count):
/// the shared tokens after the first divergence, which are where two sentences can differ only by
/// what came before.
std::vector<RowPair> aligned_rows(const ProbeTrees& probes);
/// As published (2509.15206): position by position from the first token on, up to the longer
/// sentence's end; the caller pads the shorter one.
std::vector<RowPair> positional_rows(const ProbeTrees& probes);

}  // namespace libquant
