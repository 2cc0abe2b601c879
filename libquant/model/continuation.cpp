#include <algorithm>

#include "libquant/core/error.h"
#include "libquant/model/model.h"

namespace libquant {
namespace {

// Tokens of one forward pass: enough to fill the kernels, small enough for caches and activations.
constexpr std::size_t kBatchTokens = 4096;

void copy_row(ConstMatrixView from, std::size_t row, MatrixView to, std::size_t to_row) {
  std::ranges::copy(from.row(row), to.row(to_row).begin());
}

std::size_t longest_continuation(const PromptTree& tree) {
  std::size_t longest = 0;
  for (const auto& continuation : tree.continuations)
    longest = std::max(longest, continuation.size());
  return longest;
}

bool shareable(const PromptTree& tree, const RopeTable& rope) {
  return std::ranges::all_of(tree.continuations, [&](const auto& continuation) {
    return rope.same_frequencies(tree.prefix.size(), tree.prefix.size() + continuation.size());
  });
}

using Leaf = ContinuationIndex;

const std::vector<std::int32_t>& tokens_of(const Leaf& leaf,
                                           std::span<const PromptTree* const> trees) {
  return trees[leaf.tree]->continuations[leaf.continuation];
}

std::vector<Leaf> leaves_of(std::span<const PromptTree* const> trees) {
  std::vector<Leaf> leaves;
  for (std::size_t t = 0; t < trees.size(); ++t)
    for (std::size_t c = 0; c < trees[t]->continuations.size(); ++c)
      if (!trees[t]->continuations[c].empty()) leaves.push_back({t, c});
  return leaves;
}

// Last row of every sequence of a batch.
Matrix last_rows(ConstMatrixView hidden, std::span<const std::size_t> lengths) {
  Matrix last(lengths.size(), hidden.cols);
  std::size_t end = 0;
  for (std::size_t s = 0; s < lengths.size(); ++s)
    copy_row(hidden, (end += lengths[s]) - 1, last, s);
  return last;
}

// Tokens of all leaves after one another: what is scored.
std::vector<std::int32_t> targets_of(std::span<const Leaf> leaves,
                                     std::span<const PromptTree* const> trees) {
  std::vector<std::int32_t> targets;
  for (const Leaf& leaf : leaves) {
    const auto& tokens = tokens_of(leaf, trees);
    targets.insert(targets.end(), tokens.begin(), tokens.end());
  }
  return targets;
}

std::size_t batch_end(std::span<const Leaf> leaves, std::size_t begin,
                      std::span<const PromptTree* const> trees) {
  std::size_t end = begin, tokens = 0;
  while (end < leaves.size()) {
    tokens += tokens_of(leaves[end], trees).size();
    if (end > begin && tokens > kBatchTokens) break;
    ++end;
  }
  return end;
}

}  // namespace

std::vector<double> Model::score_leaves(std::span<const PromptTree* const> trees,
                                        std::span<const Leaf> leaves,
                                        std::span<KvCache* const> caches,
                                        ConstMatrixView last) const {
  // The leaves of a tree continue the same cache: each overwrites what the one before appended.
  TokenBatch batch;
  std::vector<KvCache*> continued;
  for (const Leaf& leaf : leaves) {
    const auto& tokens = tokens_of(leaf, trees);
    if (tokens.size() < 2) continue;
    batch.tokens.insert(batch.tokens.end(), tokens.begin(), tokens.end() - 1);
    batch.lengths.push_back(tokens.size() - 1);
    continued.push_back(caches[leaf.tree]);
  }
  const Matrix computed = batch.tokens.empty() ? Matrix() : run(batch, continued);
  const std::vector<std::int32_t> targets = targets_of(leaves, trees);
  Matrix before(targets.size(), config_.hidden_size);  // the hidden state that predicts each target
  std::size_t to = 0, from = 0;
  for (const Leaf& leaf : leaves) {
    copy_row(last, leaf.tree, before, to++);
    for (std::size_t k = 1; k < tokens_of(leaf, trees).size(); ++k)
      copy_row(computed, from++, before, to++);
  }
  return log_probabilities(before, targets);
}

void Model::score_sharing(std::span<const PromptTree* const> trees, bool with_prefixes,
                          std::span<TreeScores* const> scores) const {
  std::vector<KvCache> caches;
  std::vector<KvCache*> pointers;
  TokenBatch batch;
  caches.reserve(trees.size());
  for (const PromptTree* tree : trees) {
    const std::size_t longest = std::max<std::size_t>(longest_continuation(*tree), 1);
    pointers.push_back(&caches.emplace_back(config_, tree->prefix.size() + longest - 1));
    batch.tokens.insert(batch.tokens.end(), tree->prefix.begin(), tree->prefix.end());
    batch.lengths.push_back(tree->prefix.size());
  }
  const Matrix hidden = hidden_states(batch, pointers);
  const Matrix last = last_rows(hidden, batch.lengths);
  for (std::size_t t = 0, row = 0; with_prefixes && t < trees.size(); row += batch.lengths[t++])
    scores[t]->prefix = log_probabilities(hidden.view().row_range(row, batch.lengths[t] - 1),
                                          std::span(trees[t]->prefix).subspan(1));

  const std::vector<Leaf> leaves = leaves_of(trees);
  for (std::size_t begin = 0; begin < leaves.size();) {
    const std::size_t end = batch_end(leaves, begin, trees);
    const auto group = std::span(leaves).subspan(begin, end - begin);
    const std::vector<double> values = score_leaves(trees, group, pointers, last);
    auto next = values.begin();
    for (const Leaf& leaf : group) {
      const auto count = static_cast<std::ptrdiff_t>(tokens_of(leaf, trees).size());
      scores[leaf.tree]->continuations[leaf.continuation].assign(next, next + count);
      next += count;
    }
    begin = end;
  }
}

void Model::score_alone(const PromptTree& tree, bool with_prefix, TreeScores& scores) const {
  const std::size_t prefix = tree.prefix.size();
  if (with_prefix) {
    const Matrix hidden = run({tree.prefix, {prefix}}, {});
    scores.prefix = log_probabilities(hidden.view().row_range(0, prefix - 1),
                                      std::span(tree.prefix).subspan(1));
  }
  for (std::size_t c = 0; c < tree.continuations.size(); ++c) {
    const auto& continuation = tree.continuations[c];
    if (continuation.empty()) continue;
    TokenBatch batch{tree.prefix, {prefix + continuation.size() - 1}};
    batch.tokens.insert(batch.tokens.end(), continuation.begin(), continuation.end() - 1);
    const Matrix hidden = run(batch, {});
    scores.continuations[c] =
        log_probabilities(hidden.view().row_range(prefix - 1, continuation.size()), continuation);
  }
}

std::vector<TreeScores> Model::score_trees(std::span<const PromptTree> trees,
                                           bool with_prefixes) const {
  std::vector<TreeScores> result(trees.size());
  std::vector<const PromptTree*> group;
  std::vector<TreeScores*> scores;
  std::size_t tokens = 0;
  const auto flush = [&] {
    if (!group.empty()) score_sharing(group, with_prefixes, scores);
    group.clear();
    scores.clear();
    tokens = 0;
  };
  for (std::size_t t = 0; t < trees.size(); ++t) {
    require(!trees[t].prefix.empty(), "scoring continuations needs a prefix of at least one token");
    result[t].continuations.resize(trees[t].continuations.size());
    if (!shareable(trees[t], rope_)) {
      score_alone(trees[t], with_prefixes, result[t]);
      continue;
    }
    if (tokens + trees[t].prefix.size() > kBatchTokens) flush();
    group.push_back(&trees[t]);
    scores.push_back(&result[t]);
    tokens += trees[t].prefix.size();
  }
  flush();
  return result;
}

std::vector<std::vector<double>> Model::continuation_log_probabilities(
    std::span<const std::int32_t> prefix,
    std::span<const std::vector<std::int32_t>> continuations) const {
  const PromptTree tree{{prefix.begin(), prefix.end()},
                        {continuations.begin(), continuations.end()}};
  if (longest_continuation(tree) == 0) {
    require(!prefix.empty(), "scoring continuations needs a prefix of at least one token");
    return std::vector<std::vector<double>>(continuations.size());
  }
  return score_trees({&tree, 1})[0].continuations;
}

}  // namespace libquant
