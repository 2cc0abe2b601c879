#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "libquant/core/progress.h"
#include "libquant/model/model.h"

namespace libquant {

/// Perplexity protocol; every field is printed with the result.
struct EvalOptions {
  /// Tokens; at least 2, capped at longest_sequence() of the models. The last one may be shorter;
  /// one that has nothing to score is left out.
  std::size_t window = 2048;
  /// Tokens of the text that a window shares with the one before. They were scored there, here they
  /// are context only. Less than the window's tokens without its BOS.
  std::size_t overlap = 0;
  /// Tokens at the start of every window (its BOS among them) that are context only; at least the
  /// first, which nothing predicts. Less than the window.
  std::size_t unscored = 1;
  std::size_t max_tokens = 0;  ///< 0 = the whole text
  bool add_bos = false;        ///< a BOS before every window (counts as one of its tokens)
  std::int32_t bos = -1;
};

struct EvalResult {
  double perplexity = 0;               ///< exp(mean negative log-likelihood)
  double negative_log_likelihood = 0;  ///< nats per scored token
  std::size_t scored_tokens = 0;
  std::size_t windows = 0;
  std::size_t window = 0;  ///< tokens in each, as used
  double seconds = 0;
  /// Against a reference model, over the same tokens; NaN without one.
  double kl_divergence = 0;   ///< KL(reference || model), nats, full vocabulary, mean over tokens
  double top1_agreement = 0;  ///< share of tokens with the same argmax
  double reference_perplexity = 0;
};

/// Evaluates `model` on token ids of a joined text, and against `reference` if not null (same
/// vocabulary required). Log-sum-exp and means in double, in a fixed order. Holds the logits of
/// Model::logits_chunk_rows() tokens at a time.
/// InvalidArgument for options out of range, a token outside the vocabulary or fewer than two
/// tokens; Error where a model gives logits that are not finite.
EvalResult evaluate(const Model& model, const Model* reference,
                    std::span<const std::int32_t> tokens, const EvalOptions& options,
                    const ProgressCallback& progress = {});

}  // namespace libquant
