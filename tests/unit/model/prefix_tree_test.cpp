#include "libquant/model/prefix_tree.h"

#include <vector>

#include "tests/support/catch.h"

namespace {

using libquant::PrefixTree;
using Tokens = std::vector<std::int32_t>;

// Follows a sequence through the tree and puts its tokens together again.
Tokens rebuilt(const PrefixTree& tree, const std::vector<PrefixTree::Sequence>& sequences,
               std::size_t sequence) {
  Tokens out(sequences[sequence].size());
  for (std::size_t p = 0; p < out.size(); ++p) {
    const PrefixTree::Node& node = tree.nodes()[tree.node_at(sequence, p)];
    REQUIRE(node.begin <= p);
    REQUIRE(p < node.end);
    out[p] = sequences[node.sequence][p];
  }
  return out;
}

std::size_t computed(const PrefixTree& tree) {
  std::size_t tokens = 0;
  for (const PrefixTree::Node& node : tree.nodes()) tokens += node.size();
  return tokens;
}

}  // namespace

TEST_CASE("sequences share their beginnings, nested ones too", "[model]") {
  const std::vector<Tokens> tokens{
      {1, 2, 3, 4, 5}, {1, 2, 3, 4, 6, 7}, {1, 2, 3, 8}, {1, 2, 3, 4}, {9}};
  const std::vector<PrefixTree::Sequence> sequences(tokens.begin(), tokens.end());
  const PrefixTree tree(sequences, 1);
  CHECK(computed(tree) == 3 + 1 + 1 + 2 + 1 + 1);  // 123, 4, 5, 67, 8, 9
  for (std::size_t s = 0; s < tokens.size(); ++s) CHECK(rebuilt(tree, sequences, s) == tokens[s]);
  for (std::size_t n = 0; n < tree.nodes().size(); ++n) {
    const auto& node = tree.nodes()[n];
    if (node.parent == PrefixTree::kNone) continue;
    CHECK(node.parent < n);
    CHECK(tree.nodes()[node.parent].end == node.begin);
    CHECK(tree.nodes()[node.parent].depth + 1 == node.depth);
    CHECK_FALSE(tree.nodes()[node.parent].leaf);
    if (node.leaf) CHECK(tree.nodes()[node.parent].longest_leaf >= node.size());
  }
}

TEST_CASE("beginnings that are too short to be worth it are not shared", "[model]") {
  const std::vector<Tokens> tokens{{1, 2, 3, 4}, {1, 2, 5, 6}, {1, 2, 3, 4, 7}};
  const std::vector<PrefixTree::Sequence> sequences(tokens.begin(), tokens.end());
  const PrefixTree tree(sequences, 3);
  CHECK(computed(tree) == 4 + 1 + 4);
  for (std::size_t s = 0; s < tokens.size(); ++s) CHECK(rebuilt(tree, sequences, s) == tokens[s]);
}
