#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "libquant/core/matrix.h"
#include "libquant/model/block.h"
#include "libquant/model/config.h"
#include "libquant/model/kv_cache.h"
#include "libquant/model/linear.h"
#include "libquant/model/weight_source.h"

namespace libquant {

/// Token ids of several sequences after one another.
struct TokenBatch {
  std::vector<std::int32_t> tokens;
  std::vector<std::size_t> lengths;  ///< sum = tokens.size(), none is 0
};

/// A prompt and the continuations that are scored after it.
struct PromptTree {
  std::vector<std::int32_t> prefix;  ///< at least one token
  std::vector<std::vector<std::int32_t>> continuations;
};

/// Natural logarithms of probabilities, one per token.
struct TreeScores {
  std::vector<std::vector<double>> continuations;  ///< log p(token | prefix, earlier tokens)
};

/// What scoring had to compute, everything that prompts share counted once.
struct TreeCost {
  std::size_t tokens = 0;       ///< that went through the blocks
  std::size_t scored_rows = 0;  ///< whose logits were computed
  double attended = 0;          ///< pairs of a token and one that it attends to, itself included

  TreeCost& operator+=(const TreeCost& other) noexcept;
};
/// Floating-point operations of that work, 2 per multiply-add.
double flops(const TreeCost& cost, const ModelConfig& config) noexcept;

/// A decoder in memory, computing in fp32 but for what ModelOptions say. Matrices stay as they are
/// stored where there are kernels for that: codes of libquant's schemes (in any format that holds
/// them, GGUF's Q4_0, Q4_1 and Q8_0 included) and 16-bit floats; others are expanded to fp32, which
/// weight_uses() tells. Const methods are safe from many threads, but already use all of them.
class Model {
 public:
  /// Loads every tensor; FormatError naming the tensor that does not fit the config. The source is
  /// not needed afterwards.
  explicit Model(const WeightSource& source, const ModelOptions& options = {});

  const ModelConfig& config() const noexcept { return config_; }
  const ModelOptions& options() const noexcept { return options_; }
  /// How the matrices are held, by stored type.
  const std::vector<WeightUse>& weight_uses() const noexcept { return uses_.all(); }

  /// Hidden states after the final norm, [tokens x hidden]; the linear layers run over the tokens
  /// of all sequences at once. `caches` is empty, or one per sequence (all different), which
  /// continue their sequences and hold them afterwards.
  /// Throws InvalidArgument for a token outside the vocabulary, lengths that do not add up, a
  /// sequence longer than longest_sequence(config) or than its cache.
  Matrix hidden_states(const TokenBatch& batch, std::span<KvCache* const> caches = {}) const;
  /// Logits of some rows of hidden states, [rows x vocabulary]: callers take a few hundred rows at
  /// a time (logits_chunk_rows()).
  Matrix logits(ConstMatrixView hidden) const;
  /// Rows whose logits take about 64 MB, at most 256.
  std::size_t logits_chunk_rows() const noexcept;
  /// log p(targets[i]) under the logits of row i, natural logarithm. Logits are held for
  /// logits_chunk_rows() rows at a time.
  std::vector<double> log_probabilities(ConstMatrixView hidden,
                                        std::span<const std::int32_t> targets) const;

  /// Scores every continuation of every tree. What several prompts have in common is computed once
  /// (unless the rotary embedding changes with the length of the sequence, see RopeTable::rows),
  /// and the tokens of many trees go through the linear layers together. Adds to `cost` if given.
  std::vector<TreeScores> score_trees(std::span<const PromptTree> trees,
                                      TreeCost* cost = nullptr) const;
  /// The same for one prefix.
  std::vector<std::vector<double>> continuation_log_probabilities(
      std::span<const std::int32_t> prefix,
      std::span<const std::vector<std::int32_t>> continuations) const;

 private:
  void check_batch(const TokenBatch& batch, std::span<KvCache* const> caches) const;
  Matrix embed(std::span<const std::int32_t> tokens) const;
  Matrix run(const TokenBatch& batch, std::span<KvCache* const> caches) const;
  void score_sharing(std::span<const PromptTree* const> trees, std::span<TreeScores* const> scores,
                     TreeCost& cost) const;
  void score_alone(const PromptTree& tree, TreeScores& scores, TreeCost& cost) const;

  ModelConfig config_;
  RopeTable rope_;
  ModelOptions options_;
  WeightUses uses_;
  std::unique_ptr<const LinearLayer> embeddings_;  ///< [vocabulary x hidden]
  std::unique_ptr<const LinearLayer> lm_head_;     ///< null when tied
  std::vector<float> final_norm_;
  std::vector<BlockLayers> blocks_;
};

/// Embedding rows of `tokens` straight from a source, for passes that hold one block at a time.
/// InvalidArgument for a token outside the vocabulary.
Matrix embed_tokens(const WeightSource& source, std::span<const std::int32_t> tokens);

}  // namespace libquant
