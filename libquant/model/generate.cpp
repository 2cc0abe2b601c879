#include "libquant/model/generate.h"

#include <algorithm>
#include <chrono>

#include "libquant/core/error.h"

namespace libquant {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Logits after the last of `tokens`, which are appended to the cache.
Matrix next_logits(const Model& model, KvCache& cache, std::span<const std::int32_t> tokens) {
  KvCache* const caches[] = {&cache};
  const Matrix hidden =
      model.hidden_states({{tokens.begin(), tokens.end()}, {tokens.size()}}, caches);
  return model.logits(hidden.view().row_range(hidden.rows() - 1, 1));
}

}  // namespace

Generation generate(const Model& model, KvCache& cache, std::span<const std::int32_t> prompt,
                    const SamplingOptions& options,
                    const std::function<bool(std::int32_t)>& on_token) {
  check_sampling(options);
  require(!prompt.empty(), "generating after an empty prompt");
  Generation result;
  result.prompt_tokens = prompt.size();
  const Clock::time_point start = Clock::now();
  Matrix logits = next_logits(model, cache, prompt);
  result.prompt_seconds = seconds_since(start);

  const Clock::time_point decode = Clock::now();
  const std::size_t room = std::min(cache.capacity(), longest_sequence(model.config()));
  Rng rng(options.seed);
  while (result.tokens.size() < options.max_tokens) {
    const std::int32_t token = sample_token(logits.row(0), options, rng);
    if (std::ranges::find(options.stop, token) != options.stop.end()) {
      result.stopped = true;
      break;
    }
    result.tokens.push_back(token);
    if (on_token && !on_token(token)) break;
    if (result.tokens.size() == options.max_tokens || cache.length() == room) break;
    logits = next_logits(model, cache, std::span(&token, 1));
  }
  result.seconds = seconds_since(decode);
  return result;
}

}  // namespace libquant
