#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "libquant/core/matrix.h"
#include "libquant/model/block.h"
#include "libquant/model/config.h"
#include "libquant/model/kv_cache.h"
#include "libquant/model/weight_source.h"

namespace libquant {

/// Token ids of several sequences after one another.
struct TokenBatch {
  std::vector<std::int32_t> tokens;
  std::vector<std::size_t> lengths;  ///< sum = tokens.size()
};

/// A decoder in memory, computing in fp32. Const methods are safe from many threads, but already
/// use all of them.
class Model {
 public:
  explicit Model(const WeightSource& source);

  const ModelConfig& config() const noexcept { return config_; }

  /// Hidden states after the final norm, [tokens x hidden]. `caches` is empty, or one per sequence.
  /// Throws InvalidArgument for a token outside the vocabulary, a sequence longer than
  /// max_positions or than its cache.
  Matrix hidden_states(const TokenBatch& batch, std::span<KvCache* const> caches = {}) const;
  /// Logits of some rows of hidden states, [rows x vocabulary].
  Matrix logits(ConstMatrixView hidden) const;

  /// log p(continuation | prefix) for several continuations, natural logarithm, one value per token
  /// of each; the shared prefix is computed once.
  std::vector<std::vector<double>> continuation_log_probabilities(
      std::span<const std::int32_t> prefix,
      std::span<const std::vector<std::int32_t>> continuations) const;

 private:
  ModelConfig config_;
  RopeTable rope_;
  Matrix embeddings_;  ///< [vocabulary x hidden]
  Matrix lm_head_;     ///< empty when tied
  std::vector<float> final_norm_;
  std::vector<BlockWeights> blocks_;
};

/// Embedding rows of `tokens` straight from a source, for passes that hold one block at a time.
Matrix embed_tokens(const WeightSource& source, std::span<const std::int32_t> tokens);

}  // namespace libquant
