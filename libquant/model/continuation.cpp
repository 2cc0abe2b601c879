#include <algorithm>
#include <map>
#include <memory>

#include "kernels/elementwise.h"
#include "libquant/core/error.h"
#include "libquant/model/model.h"
#include "libquant/model/prefix_tree.h"

namespace libquant {
namespace {

// Tokens of one forward pass: enough to fill the kernels, small enough for caches and activations.
constexpr std::size_t kBatchTokens = 4096;
// A pass reads all weights, whatever it computes: shorter beginnings are computed again instead.
constexpr std::size_t kLeastShared = 8;

using Tokens = std::vector<std::int32_t>;

std::size_t longest_continuation(const PromptTree& tree) {
  std::size_t longest = 0;
  for (const auto& continuation : tree.continuations)
    longest = std::max(longest, continuation.size());
  return longest;
}

// Of all lengths that its tokens are computed at.
bool shareable(const PromptTree& tree, const RopeTable& rope) {
  return rope.same_frequencies(1, tree.prefix.size() + longest_continuation(tree));
}

// A hidden state, the token that it has to predict, and where the logarithm goes.
struct Wanted {
  std::size_t row;
  std::int32_t token;
  double* value;
};

// The passes over a group of trees: all sequences that are needed, once each, and what is wanted of
// them.
class SharedPasses {
 public:
  SharedPasses(std::span<const PromptTree* const> trees, std::span<TreeScores* const> scores) {
    for (std::size_t t = 0; t < trees.size(); ++t) add(*trees[t], *scores[t]);
    sequences_.resize(index_.size());
    for (const auto& [tokens, index] : index_) sequences_[index] = tokens;
    tree_ = std::make_unique<PrefixTree>(sequences_, kLeastShared);
    wanted_.resize(tree_->nodes().size());
    for (const Target& target : targets_) {
      const std::size_t node = tree_->node_at(target.sequence, target.position);
      wanted_[node].push_back(
          {target.position - tree_->nodes()[node].begin, target.token, target.value});
    }
  }

  const PrefixTree& tree() const { return *tree_; }
  std::span<const std::int32_t> tokens(const PrefixTree::Node& node) const {
    return sequences_[node.sequence].subspan(node.begin, node.size());
  }
  const std::vector<Wanted>& wanted(std::size_t node) const { return wanted_[node]; }

 private:
  struct Target {
    std::size_t sequence, position;
    std::int32_t token;
    double* value;
  };

  // The last token of a continuation is scored, not computed.
  void add(const PromptTree& tree, TreeScores& scores) {
    for (std::size_t c = 0; c < tree.continuations.size(); ++c) {
      const Tokens& continuation = tree.continuations[c];
      if (continuation.empty()) continue;
      Tokens sequence = tree.prefix;
      sequence.insert(sequence.end(), continuation.begin(), continuation.end() - 1);
      const std::size_t index = index_.emplace(std::move(sequence), index_.size()).first->second;
      scores.continuations[c].resize(continuation.size());
      for (std::size_t k = 0; k < continuation.size(); ++k)
        targets_.push_back(
            {index, tree.prefix.size() + k - 1, continuation[k], &scores.continuations[c][k]});
    }
  }

  std::map<Tokens, std::size_t> index_;
  std::vector<PrefixTree::Sequence> sequences_;
  std::vector<Target> targets_;
  std::unique_ptr<PrefixTree> tree_;
  std::vector<std::vector<Wanted>> wanted_;
};

void copy_held(KvCache& from, KvCache& to, std::size_t count) {
  for (std::size_t layer = 0; layer < from.layers(); ++layer) {
    for (std::size_t r = 0; r < count; ++r) {
      std::ranges::copy(from.keys(layer).row(r), to.keys(layer).row(r).begin());
      std::ranges::copy(from.values(layer).row(r), to.values(layer).row(r).begin());
    }
  }
  to.advance(count);
}

// Keys and values of the nodes that others go on from.
class NodeCaches {
 public:
  NodeCaches(const ModelConfig& config, const PrefixTree& tree)
      : config_(config), tree_(tree), caches_(tree.nodes().size()) {}

  // Leaves share their parent's, each overwriting what the one before appended.
  KvCache* open(std::size_t index) {
    const PrefixTree::Node& node = tree_.nodes()[index];
    if (node.leaf && node.parent != PrefixTree::kNone) return caches_[node.parent].get();
    caches_[index] = std::make_unique<KvCache>(config_, node.end + node.longest_leaf);
    if (node.parent != PrefixTree::kNone)
      copy_held(*caches_[node.parent], *caches_[index], node.begin);
    return caches_[index].get();
  }
  void computed(std::size_t index) {
    if (caches_[index] != nullptr) caches_[index]->advance(tree_.nodes()[index].size());
  }
  void release(std::size_t index) { caches_[index].reset(); }

 private:
  const ModelConfig& config_;
  const PrefixTree& tree_;
  std::vector<std::unique_ptr<KvCache>> caches_;
};

// Nodes of one depth, in passes of at most kBatchTokens tokens (or one node).
std::vector<std::vector<std::size_t>> passes_of(const PrefixTree& tree, std::size_t depth) {
  std::vector<std::vector<std::size_t>> passes;
  std::size_t tokens = 0;
  for (std::size_t n = 0; n < tree.nodes().size(); ++n) {
    if (tree.nodes()[n].depth != depth) continue;
    tokens += tree.nodes()[n].size();
    if (passes.empty() || tokens > kBatchTokens) {
      passes.emplace_back();
      tokens = tree.nodes()[n].size();
    }
    passes.back().push_back(n);
  }
  return passes;
}

}  // namespace

TreeCost& TreeCost::operator+=(const TreeCost& other) noexcept {
  tokens += other.tokens;
  scored_rows += other.scored_rows;
  attended += other.attended;
  return *this;
}

double flops(const TreeCost& cost, const ModelConfig& config) noexcept {
  const auto d = [](std::size_t value) { return static_cast<double>(value); };
  const double hidden = d(config.hidden_size), inner = d(config.intermediate_size);
  const double heads = d(config.heads * config.head_dim), kv = d(config.kv_heads * config.head_dim);
  const double linear = 2 * hidden * heads + 2 * hidden * kv + 3 * hidden * inner;
  return 2 * d(config.layers) * (d(cost.tokens) * linear + 2 * cost.attended * heads) +
         2 * d(cost.scored_rows) * hidden * d(config.vocabulary_size);
}

namespace {

// Hidden states of the rows that predict something, each once, and per wanted value which of them.
std::size_t predict(const Model& model, ConstMatrixView hidden, std::vector<Wanted> wanted) {
  std::stable_sort(wanted.begin(), wanted.end(),
                   [](const Wanted& a, const Wanted& b) { return a.row < b.row; });
  std::size_t rows = 0;
  const std::size_t chunk = model.logits_chunk_rows();
  for (auto next = wanted.begin(); next != wanted.end();) {
    const auto first = next;
    std::vector<std::size_t> chosen;
    for (; next != wanted.end(); ++next) {
      if (!chosen.empty() && chosen.back() == next->row) continue;
      if (chosen.size() == chunk) break;
      chosen.push_back(next->row);
    }
    Matrix states(chosen.size(), hidden.cols);
    for (std::size_t r = 0; r < chosen.size(); ++r)
      std::ranges::copy(hidden.row(chosen[r]), states.row(r).begin());
    const Matrix logits = model.logits(states);
    std::vector<double> log_sum(chosen.size());
    kernels::log_sum_exp_f32(logits.rows(), logits.cols(), logits.data(), log_sum.data());
    std::size_t at = 0;
    for (auto entry = first; entry != next; ++entry) {
      if (chosen[at] != entry->row) ++at;
      require(entry->token >= 0 && static_cast<std::size_t>(entry->token) < logits.cols(),
              "token {} is outside the vocabulary of {}", entry->token, logits.cols());
      *entry->value = double{logits(at, static_cast<std::size_t>(entry->token))} - log_sum[at];
    }
    rows += chosen.size();
  }
  return rows;
}

// One forward pass over nodes of one depth.
template <typename Run>
void compute_pass(const Model& model, const Run& run, const SharedPasses& shared,
                  std::span<const std::size_t> nodes, NodeCaches& caches, TreeCost& cost) {
  TokenBatch batch;
  std::vector<KvCache*> held;
  std::vector<Wanted> wanted;
  for (const std::size_t n : nodes) {
    const PrefixTree::Node& node = shared.tree().nodes()[n];
    for (const Wanted& entry : shared.wanted(n))
      wanted.push_back({batch.tokens.size() + entry.row, entry.token, entry.value});
    const auto tokens = shared.tokens(node);
    batch.tokens.insert(batch.tokens.end(), tokens.begin(), tokens.end());
    batch.lengths.push_back(node.size());
    held.push_back(caches.open(n));
    cost.attended +=
        0.5 * static_cast<double>(node.size()) * static_cast<double>(node.begin + node.end + 1);
  }
  const Matrix hidden = run(batch, held);
  for (const std::size_t n : nodes) caches.computed(n);
  cost.tokens += batch.tokens.size();
  cost.scored_rows += predict(model, hidden, std::move(wanted));
}

}  // namespace

void Model::score_sharing(std::span<const PromptTree* const> trees,
                          std::span<TreeScores* const> scores, TreeCost& cost) const {
  const SharedPasses shared(trees, scores);
  NodeCaches caches(config_, shared.tree());
  std::vector<std::size_t> before;
  for (std::size_t depth = 0;; ++depth) {
    std::vector<std::size_t> computed;
    for (const auto& pass : passes_of(shared.tree(), depth)) {
      compute_pass(
          *this, [&](const auto& batch, const auto& held) { return run(batch, held); }, shared,
          pass, caches, cost);
      computed.insert(computed.end(), pass.begin(), pass.end());
    }
    if (computed.empty()) break;
    for (const std::size_t node : before) caches.release(node);
    before = std::move(computed);
  }
}

void Model::score_alone(const PromptTree& tree, TreeScores& scores, TreeCost& cost) const {
  const std::size_t prefix = tree.prefix.size();
  for (std::size_t c = 0; c < tree.continuations.size(); ++c) {
    const auto& continuation = tree.continuations[c];
    if (continuation.empty()) continue;
    TokenBatch batch{tree.prefix, {prefix + continuation.size() - 1}};
    batch.tokens.insert(batch.tokens.end(), continuation.begin(), continuation.end() - 1);
    const Matrix hidden = run(batch, {});
    scores.continuations[c] =
        log_probabilities(hidden.view().row_range(prefix - 1, continuation.size()), continuation);
    const auto length = static_cast<double>(batch.tokens.size());
    cost += {batch.tokens.size(), continuation.size(), 0.5 * length * (length + 1)};
  }
}

std::vector<TreeScores> Model::score_trees(std::span<const PromptTree> trees,
                                           TreeCost* cost) const {
  std::vector<TreeScores> result(trees.size());
  std::vector<std::size_t> order;
  TreeCost spent;
  for (std::size_t t = 0; t < trees.size(); ++t) {
    require(!trees[t].prefix.empty(), "scoring continuations needs a prefix of at least one token");
    result[t].continuations.resize(trees[t].continuations.size());
    if (shareable(trees[t], rope_)) {
      order.push_back(t);
    } else {
      score_alone(trees[t], result[t], spent);
    }
  }
  // Neighbours share most, so that a group of bounded size loses little.
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return trees[a].prefix < trees[b].prefix; });
  std::vector<const PromptTree*> group;
  std::vector<TreeScores*> scores;
  std::size_t tokens = 0;
  const auto flush = [&] {
    if (!group.empty()) score_sharing(group, scores, spent);
    group.clear();
    scores.clear();
    tokens = 0;
  };
  for (const std::size_t t : order) {
    const auto& prefix = trees[t].prefix;
    std::size_t added =
        prefix.size() - (group.empty() ? 0 : common_prefix(group.back()->prefix, prefix));
    if (tokens + added > kBatchTokens) {
      flush();
      added = prefix.size();
    }
    group.push_back(&trees[t]);
    scores.push_back(&result[t]);
    tokens += added;
  }
  flush();
  if (cost != nullptr) *cost += spent;
  return result;
}

std::vector<std::vector<double>> Model::continuation_log_probabilities(
    std::span<const std::int32_t> prefix,
    std::span<const std::vector<std::int32_t>> continuations) const {
  const PromptTree tree{{prefix.begin(), prefix.end()},
                        {continuations.begin(), continuations.end()}};
  return score_trees({&tree, 1})[0].continuations;
}

}  // namespace libquant
