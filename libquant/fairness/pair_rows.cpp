#include "libquant/fairness/pair_rows.h"

#include <algorithm>

namespace libquant {
namespace {

// First rows of the first two branches of every tree that has two.
struct Pair {
  const std::vector<std::int32_t>* a;
  const std::vector<std::int32_t>* b;
  std::size_t row_a, row_b;
};

std::vector<Pair> pairs_of(const ProbeTrees& probes) {
  std::vector<Pair> pairs;
  std::size_t row = 0;
  for (const TokenTree& tree : probes.trees) {
    if (tree.branches.size() >= 2) {
      const std::size_t first = row + tree.trunk.size();
      pairs.push_back(
          {&tree.branches[0], &tree.branches[1], first, first + tree.branches[0].size()});
    }
    row += tree.rows().rows();
  }
  return pairs;
}

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> common_tokens(std::span<const std::int32_t> a,
                                                               std::span<const std::int32_t> b) {
  // length[i][j]: of the longest common subsequence of a[i..] and b[j..].
  const std::size_t width = b.size() + 1;
  std::vector<std::uint32_t> length((a.size() + 1) * width);
  for (std::size_t i = a.size(); i-- > 0;)
    for (std::size_t j = b.size(); j-- > 0;)
      length[i * width + j] =
          a[i] == b[j] ? length[(i + 1) * width + j + 1] + 1
                       : std::max(length[(i + 1) * width + j], length[i * width + j + 1]);
  std::vector<std::pair<std::size_t, std::size_t>> shared;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) {
      shared.emplace_back(i++, j++);
    } else if (length[(i + 1) * width + j] >= length[i * width + j + 1]) {
      ++i;
    } else {
      ++j;
    }
  }
  return shared;
}

std::vector<RowPair> aligned_rows(const ProbeTrees& probes) {
  std::vector<RowPair> rows;
  for (const Pair& pair : pairs_of(probes)) {
    const auto [x, y] = std::ranges::mismatch(*pair.a, *pair.b);
    const auto same = static_cast<std::size_t>(x - pair.a->begin());
    for (const auto& [i, j] : common_tokens(*pair.a, *pair.b))
      if (i >= same && j >= same) rows.emplace_back(pair.row_a + i, pair.row_b + j);
  }
  return rows;
}

std::vector<RowPair> positional_rows(const ProbeTrees& probes) {
  std::vector<RowPair> rows;
  for (const Pair& pair : pairs_of(probes))
    for (std::size_t i = 0; i < std::min(pair.a->size(), pair.b->size()); ++i)
      rows.emplace_back(pair.row_a + i, pair.row_b + i);
  return rows;
}

}  // namespace libquant
