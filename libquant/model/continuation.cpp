#include <algorithm>

#include "libquant/core/error.h"
#include "libquant/model/model.h"

namespace libquant {
namespace {

using Tokens = std::span<const std::int32_t>;
using Continuations = std::span<const std::vector<std::int32_t>>;

// Continuations [begin, end) whose tokens, plus `extra` each, make up one forward pass.
constexpr std::size_t kBatchTokens = 4096;

std::size_t batch_end(Continuations continuations, std::size_t begin, std::size_t extra) {
  std::size_t end = begin, tokens = 0;
  while (end < continuations.size()) {
    tokens += continuations[end].size() + extra;
    if (end > begin && tokens > kBatchTokens) break;
    ++end;
  }
  return end;
}

void copy_row(ConstMatrixView from, std::size_t row, MatrixView to, std::size_t to_row) {
  std::ranges::copy(from.row(row), to.row(to_row).begin());
}

// Shares `values`, one per token, out among the continuations from `begin` on.
void distribute(const std::vector<double>& values, std::size_t begin, std::size_t end,
                Continuations continuations, std::vector<std::vector<double>>& result) {
  auto next = values.begin();
  for (std::size_t c = begin; c < end; ++c) {
    const auto count = static_cast<std::ptrdiff_t>(continuations[c].size());
    result[c].assign(next, next + count);
    next += count;
  }
}

std::vector<std::int32_t> targets_of(Continuations continuations, std::size_t begin,
                                     std::size_t end) {
  std::vector<std::int32_t> targets;
  for (std::size_t c = begin; c < end; ++c)
    targets.insert(targets.end(), continuations[c].begin(), continuations[c].end());
  return targets;
}

}  // namespace

std::vector<double> Model::after_prefix(ConstMatrixView last, KvCache& prefix,
                                        Continuations continuations) const {
  TokenBatch batch;
  for (const auto& continuation : continuations) {
    if (continuation.size() < 2) continue;
    batch.tokens.insert(batch.tokens.end(), continuation.begin(), continuation.end() - 1);
    batch.lengths.push_back(continuation.size() - 1);
  }
  // All of them continue the same cache: each overwrites what the one before it appended.
  const std::vector<KvCache*> caches(batch.lengths.size(), &prefix);
  const Matrix computed = batch.tokens.empty() ? Matrix() : run(batch, caches);
  const std::vector<std::int32_t> targets = targets_of(continuations, 0, continuations.size());
  Matrix hidden(targets.size(), config_.hidden_size);
  std::size_t row = 0, from = 0;
  for (const auto& continuation : continuations)
    for (std::size_t t = 0; t < continuation.size(); ++t)
      t == 0 ? copy_row(last, 0, hidden, row++) : copy_row(computed, from++, hidden, row++);
  return log_probabilities(hidden, targets);
}

std::vector<double> Model::after_each_prefix(Tokens prefix, Continuations continuations) const {
  TokenBatch batch;
  for (const auto& continuation : continuations) {
    if (continuation.empty()) continue;
    batch.tokens.insert(batch.tokens.end(), prefix.begin(), prefix.end());
    batch.tokens.insert(batch.tokens.end(), continuation.begin(), continuation.end() - 1);
    batch.lengths.push_back(prefix.size() + continuation.size() - 1);
  }
  const Matrix computed = run(batch, {});
  const std::vector<std::int32_t> targets = targets_of(continuations, 0, continuations.size());
  Matrix hidden(targets.size(), config_.hidden_size);
  std::size_t row = 0, from = 0;
  for (const auto& continuation : continuations) {
    if (continuation.empty()) continue;
    from += prefix.size() - 1;
    for (std::size_t t = 0; t < continuation.size(); ++t) copy_row(computed, from++, hidden, row++);
  }
  return log_probabilities(hidden, targets);
}

std::vector<std::vector<double>> Model::continuation_log_probabilities(
    Tokens prefix, Continuations continuations) const {
  require(!prefix.empty(), "continuation log-probabilities need a prefix of at least one token");
  std::size_t longest = 0;
  bool shareable = true;
  for (const auto& continuation : continuations) {
    longest = std::max(longest, continuation.size());
    const std::size_t fed = prefix.size() + continuation.size() - (continuation.empty() ? 0 : 1);
    shareable = shareable && rope_.same_frequencies(prefix.size(), fed);
  }
  std::vector<std::vector<double>> result(continuations.size());
  if (longest == 0) return result;

  KvCache cache(config_, shareable ? prefix.size() + longest - 1 : 0);
  Matrix last(1, config_.hidden_size);
  if (shareable) {
    KvCache* const caches[] = {&cache};
    const Matrix hidden = hidden_states({{prefix.begin(), prefix.end()}, {prefix.size()}}, caches);
    copy_row(hidden, prefix.size() - 1, last, 0);
  }
  for (std::size_t begin = 0; begin < continuations.size();) {
    const std::size_t end = batch_end(continuations, begin, shareable ? 0 : prefix.size());
    const Continuations group = continuations.subspan(begin, end - begin);
    distribute(shareable ? after_prefix(last, cache, group) : after_each_prefix(prefix, group),
               begin, end, continuations, result);
    begin = end;
  }
  return result;
}

}  // namespace libquant
