#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace libquant {

/// Where sequences of tokens share their beginnings: each node is a run of tokens that is computed
/// once. Beginnings shorter than `least_shared` tokens (beyond the parent's) are not worth a node
/// of their own and are computed for each sequence.
class PrefixTree {
 public:
  using Sequence = std::span<const std::int32_t>;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  struct Node {
    std::size_t parent = kNone;
    std::size_t sequence = 0;        ///< one that runs through it
    std::size_t begin = 0, end = 0;  ///< its tokens' positions in that sequence, not empty
    std::size_t depth = 0;           ///< of a root: 0
    bool leaf = true;
    std::size_t longest_leaf = 0;  ///< tokens of its longest child that is a leaf

    std::size_t size() const noexcept { return end - begin; }
  };

  /// No sequence is empty, no two are equal; their tokens must outlive this.
  PrefixTree(std::span<const Sequence> sequences, std::size_t least_shared);

  /// Parents before their children.
  const std::vector<Node>& nodes() const noexcept { return nodes_; }
  /// The node that holds position `position` of a sequence.
  std::size_t node_at(std::size_t sequence, std::size_t position) const;

 private:
  void add(std::span<const std::size_t> sorted, std::size_t begin, std::size_t parent);
  std::size_t add_node(std::size_t parent, std::size_t sequence, std::size_t begin,
                       std::size_t end);

  std::span<const Sequence> sequences_;
  std::size_t least_shared_;
  std::vector<Node> nodes_;
  std::vector<std::size_t> last_;  ///< per sequence: the node that holds its last token
};

/// Tokens that two sequences have in common at their beginning.
std::size_t common_prefix(PrefixTree::Sequence a, PrefixTree::Sequence b);

}  // namespace libquant
