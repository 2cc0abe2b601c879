#include "libquant/model/prefix_tree.h"

#include <algorithm>
#include <numeric>

namespace libquant {

std::size_t common_prefix(PrefixTree::Sequence a, PrefixTree::Sequence b) {
  const auto pair = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<std::size_t>(pair.first - a.begin());
}

PrefixTree::PrefixTree(std::span<const Sequence> sequences, std::size_t least_shared)
    : sequences_(sequences), least_shared_(least_shared), last_(sequences.size(), kNone) {
  std::vector<std::size_t> sorted(sequences.size());
  std::iota(sorted.begin(), sorted.end(), std::size_t{0});
  std::sort(sorted.begin(), sorted.end(), [&](std::size_t a, std::size_t b) {
    return std::lexicographical_compare(sequences[a].begin(), sequences[a].end(),
                                        sequences[b].begin(), sequences[b].end());
  });
  add(sorted, 0, kNone);
}

std::size_t PrefixTree::add_node(std::size_t parent, std::size_t sequence, std::size_t begin,
                                 std::size_t end) {
  Node node{parent, sequence, begin, end, 0, true, 0};
  if (parent != kNone) {
    node.depth = nodes_[parent].depth + 1;
    nodes_[parent].leaf = false;
  }
  nodes_.push_back(node);
  return nodes_.size() - 1;
}

// The sequences, sorted, are equal up to `begin`, which `parent` has computed.
void PrefixTree::add(std::span<const std::size_t> sorted, std::size_t begin, std::size_t parent) {
  for (std::size_t first = 0; first < sorted.size();) {
    const Sequence head = sequences_[sorted[first]];
    if (head.size() == begin) {  // ends where its parent does
      last_[sorted[first++]] = parent;
      continue;
    }
    std::size_t end = first + 1, shared = head.size();
    while (end < sorted.size()) {
      const std::size_t common = common_prefix(head, sequences_[sorted[end]]);
      if (common < begin + least_shared_) break;
      shared = std::min(shared, common);
      ++end;
    }
    const std::size_t node = add_node(parent, sorted[first], begin, shared);
    add(sorted.subspan(first, end - first), shared, node);
    if (nodes_[node].leaf && parent != kNone)
      nodes_[parent].longest_leaf = std::max(nodes_[parent].longest_leaf, nodes_[node].size());
    first = end;
  }
}

std::size_t PrefixTree::node_at(std::size_t sequence, std::size_t position) const {
  std::size_t node = last_[sequence];
  while (nodes_[node].begin > position) node = nodes_[node].parent;
  return node;
}

}  // namespace libquant
