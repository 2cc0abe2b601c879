#include "libquant/scoring/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/elementwise.h"
#include "libquant/core/error.h"
#include "libquant/scoring/divergence.h"

namespace libquant {
namespace {

// Windows shorter than this share a forward pass.
constexpr std::size_t kBatchTokens = 2048;

struct Totals {
  double log_likelihood = 0, reference_log_likelihood = 0, divergence = 0;
  std::size_t scored = 0, agreeing = 0, windows = 0;
};

// Windows that share a forward pass; in each, the tokens before `first[i]` are context only.
struct Windows {
  TokenBatch batch;
  std::vector<std::size_t> first;

  std::size_t scored() const {
    return std::transform_reduce(batch.lengths.begin(), batch.lengths.end(), first.begin(),
                                 std::size_t{0}, std::plus<>(), std::minus<>());
  }
};

// Rows of hidden states that predict a scored token, and those tokens.
struct ScoredRows {
  Matrix hidden;
  std::vector<std::int32_t> targets;
};

ScoredRows scored_rows(const Model& model, const Windows& windows) {
  const TokenBatch& batch = windows.batch;
  const Matrix hidden = model.hidden_states(batch);
  ScoredRows rows{Matrix(windows.scored(), hidden.cols()), {}};
  std::size_t begin = 0;
  for (std::size_t w = 0; w < batch.lengths.size(); ++w) {
    const std::size_t end = begin + batch.lengths[w];
    for (std::size_t t = begin + windows.first[w]; t < end; ++t) {
      std::ranges::copy(hidden.row(t - 1), rows.hidden.row(rows.targets.size()).begin());
      rows.targets.push_back(batch.tokens[t]);
    }
    begin = end;
  }
  return rows;
}

// Logits of a few rows with the log of each row's sum of exponentials.
struct Chunk {
  Matrix logits;
  std::vector<double> log_sum;
};

Chunk chunk_of(const Model& model, const ScoredRows& rows, std::size_t begin, std::size_t count) {
  Chunk chunk{model.logits(rows.hidden.view().row_range(begin, count)), std::vector<double>(count)};
  kernels::log_sum_exp_f32(count, chunk.logits.cols(), chunk.logits.data(), chunk.log_sum.data());
  for (std::size_t r = 0; r < count; ++r)
    require<Error>(std::isfinite(chunk.log_sum[r]),
                   "evaluation: the logits that predict token {} are not finite",
                   rows.targets[begin + r]);
  return chunk;
}

double log_likelihood(const Chunk& chunk, std::size_t row, std::int32_t target) {
  return double{chunk.logits(row, static_cast<std::size_t>(target))} - chunk.log_sum[row];
}

void score(const Model& model, const Model* reference, const Windows& windows, Totals& totals) {
  const ScoredRows rows = scored_rows(model, windows);
  const ScoredRows reference_rows =
      reference == nullptr ? ScoredRows{} : scored_rows(*reference, windows);
  const std::size_t step = model.logits_chunk_rows();
  for (std::size_t begin = 0; begin < rows.targets.size(); begin += step) {
    const std::size_t count = std::min(step, rows.targets.size() - begin);
    const Chunk chunk = chunk_of(model, rows, begin, count);
    for (std::size_t r = 0; r < count; ++r)
      totals.log_likelihood += log_likelihood(chunk, r, rows.targets[begin + r]);
    if (reference == nullptr) continue;
    const Chunk expected = chunk_of(*reference, reference_rows, begin, count);
    const std::vector<RowComparison> compared =
        compare_rows(expected.logits, expected.log_sum, chunk.logits, chunk.log_sum);
    for (std::size_t r = 0; r < count; ++r) {
      totals.reference_log_likelihood += log_likelihood(expected, r, rows.targets[begin + r]);
      totals.divergence += compared[r].divergence;
      totals.agreeing += compared[r].same_top ? 1 : 0;
    }
  }
  totals.scored += rows.targets.size();
  totals.windows += windows.batch.lengths.size();
}

std::size_t checked_window(const Model& model, const Model* reference, const EvalOptions& options,
                           std::size_t tokens) {
  require(options.window >= 2, "evaluation: the window is {} tokens, expected at least 2",
          options.window);
  require(!options.add_bos || options.bos >= 0,
          "evaluation: a BOS is to be added, but the tokenizer has none");
  require(tokens + (options.add_bos ? 1 : 0) >= 2, "evaluation: a text of {} tokens", tokens);
  std::size_t window = std::min(options.window, longest_sequence(model.config()));
  if (reference != nullptr) {
    require(reference->config().vocabulary_size == model.config().vocabulary_size,
            "evaluation: the model has a vocabulary of {}, the reference one of {}",
            model.config().vocabulary_size, reference->config().vocabulary_size);
    window = std::min(window, longest_sequence(reference->config()));
  }
  require(window >= 2, "evaluation: the models take sequences of {} token", window);
  require(options.unscored >= 1 && options.unscored < window,
          "evaluation: {} tokens at the start of a window are to be unscored, expected 1 to {}",
          options.unscored, window - 1);
  const std::size_t own = window - (options.add_bos ? 1 : 0);
  require(options.overlap < own,
          "evaluation: windows are to overlap by {} tokens, expected less than their {}",
          options.overlap, own);
  return window;
}

// The next windows of `text` that make up one forward pass; moves `next` to where the one after
// them begins.
Windows next_windows(std::span<const std::int32_t> text, std::size_t window,
                     const EvalOptions& options, std::size_t& next) {
  Windows windows;
  TokenBatch& batch = windows.batch;
  const std::size_t bos = options.add_bos ? 1 : 0;
  while (next < text.size() &&
         (batch.tokens.empty() || batch.tokens.size() + window <= kBatchTokens)) {
    const std::size_t count = std::min(window - bos, text.size() - next);
    const std::size_t shared = next == 0 ? 0 : options.overlap + bos;
    const std::size_t first = std::max(options.unscored, shared);
    if (count + bos > first) {
      if (options.add_bos) batch.tokens.push_back(options.bos);
      const std::span<const std::int32_t> part = text.subspan(next, count);
      batch.tokens.insert(batch.tokens.end(), part.begin(), part.end());
      batch.lengths.push_back(count + bos);
      windows.first.push_back(first);
    }
    next = next + count == text.size() ? text.size() : next + count - options.overlap;
  }
  return windows;
}

EvalResult result_of(const Totals& totals, bool compared) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const auto scored = static_cast<double>(totals.scored);
  EvalResult result;
  result.negative_log_likelihood = -totals.log_likelihood / scored;
  result.perplexity = std::exp(result.negative_log_likelihood);
  result.scored_tokens = totals.scored;
  result.windows = totals.windows;
  result.kl_divergence = compared ? totals.divergence / scored : kNone;
  result.top1_agreement = compared ? static_cast<double>(totals.agreeing) / scored : kNone;
  result.reference_perplexity =
      compared ? std::exp(-totals.reference_log_likelihood / scored) : kNone;
  return result;
}

}  // namespace

EvalResult evaluate(const Model& model, const Model* reference,
                    std::span<const std::int32_t> tokens, const EvalOptions& options,
                    const ProgressCallback& progress) {
  const auto start = std::chrono::steady_clock::now();
  if (options.max_tokens > 0 && options.max_tokens < tokens.size())
    tokens = tokens.first(options.max_tokens);
  const std::size_t window = checked_window(model, reference, options, tokens.size());
  Totals totals;
  for (std::size_t next = 0; next < tokens.size();) {
    const Windows windows = next_windows(tokens, window, options, next);
    if (!windows.first.empty()) score(model, reference, windows, totals);
    const Progress now{"evaluate", static_cast<double>(next), static_cast<double>(tokens.size())};
    if (progress && !progress(now)) throw Interrupted("evaluation was stopped");
  }
  require(totals.scored > 0, "evaluation: a text of {} tokens leaves none to score", tokens.size());
  EvalResult result = result_of(totals, reference != nullptr);
  result.window = window;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace libquant
