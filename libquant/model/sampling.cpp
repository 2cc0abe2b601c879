#include "libquant/model/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "libquant/core/error.h"

namespace libquant {
namespace {

// Ids by falling logit; of the whole vocabulary only what the options can use is put in order.
std::vector<std::int32_t> ranked(std::span<const float> logits, const SamplingOptions& options) {
  std::vector<std::int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const bool all = options.top_k == 0 || options.top_k >= ids.size();
  const std::size_t kept = all ? ids.size() : options.top_k;
  if (all && options.top_p >= 1) return ids;
  const auto before = [&](std::int32_t a, std::int32_t b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(kept), ids.end(),
                    before);
  ids.resize(kept);
  return ids;
}

}  // namespace

void check_sampling(const SamplingOptions& options) {
  require(std::isfinite(options.temperature) && options.temperature >= 0,
          "sampling: temperature is {}, expected 0 (greedy) or more", options.temperature);
  require(options.top_p > 0 && options.top_p <= 1,
          "sampling: top_p is {}, expected more than 0 and at most 1", options.top_p);
}

std::int32_t argmax(std::span<const float> logits) {
  require(!logits.empty(), "argmax of no logits");
  std::size_t best = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    require(!std::isnan(logits[i]), "logit {} is NaN", i);
    if (logits[i] > logits[best]) best = i;
  }
  return static_cast<std::int32_t>(best);
}

std::int32_t sample_token(std::span<const float> logits, const SamplingOptions& options, Rng& rng) {
  check_sampling(options);
  const std::int32_t best = argmax(logits);
  if (options.temperature == 0) return best;
  std::vector<std::int32_t> ids = ranked(logits, options);
  const double highest = double{logits[static_cast<std::size_t>(best)]};
  std::vector<double> weights(ids.size());
  double sum = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const double logit = double{logits[static_cast<std::size_t>(ids[i])]};
    weights[i] = logit == highest ? 1 : std::exp((logit - highest) / options.temperature);
    sum += weights[i];
  }
  if (options.top_p < 1) {
    const double wanted = options.top_p * sum;
    sum = 0;
    std::size_t kept = 0;
    while (kept < weights.size() && (kept == 0 || sum < wanted)) sum += weights[kept++];
    ids.resize(kept);
  }
  double left = rng.uniform() * sum;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    left -= weights[i];
    if (left < 0) return ids[i];
  }
  // Rounding can leave a speck: it belongs to the last token that has any weight.
  std::size_t last = ids.size() - 1;
  while (last > 0 && weights[last] == 0) --last;
  return ids[last];
}

}  // namespace libquant
