#include "libquant/audit/emergence.h"

#include <cmath>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/core/rng.h"
#include "libquant/stats/distance.h"

namespace libquant {
namespace {

void check(std::span<const double> base, std::span<const double> quantized, std::size_t stereotype,
           const EmergenceOptions& options) {
  require(base.size() == quantized.size() && stereotype < base.size(),
          "emergence of an item with {} and {} options, stereotyped one at {}", base.size(),
          quantized.size(), stereotype);
  require(options.samples > 0 && options.temperature > 0,
          "emergence with {} samples at temperature {}", options.samples, options.temperature);
}

// Uniform draws are shifted off zero, where the double logarithm has no value.
double gumbel(Rng& rng) { return -std::log(-std::log(rng.uniform() + 0x1p-54)); }

// Index of the option that Gumbel noise makes the largest: a sample of softmax(logits / T).
std::size_t gumbel_choice(std::span<const double> logits, std::span<const double> noise,
                          double temperature) {
  std::size_t best = 0;
  double highest = -INFINITY;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double value = logits[i] / temperature + noise[i];
    if (value > highest) {
      highest = value;
      best = i;
    }
  }
  return best;
}

}  // namespace

EmergenceTerms closed_form_emergence(std::span<const double> base,
                                     std::span<const double> quantized, std::size_t stereotype,
                                     const EmergenceOptions& options) {
  check(base, quantized, stereotype, options);
  const double p0 = softmax(base, options.temperature)[stereotype];
  const double pq = softmax(quantized, options.temperature)[stereotype];
  const double never = std::pow(1 - p0, options.samples);
  return {never, never * (1 - std::pow(1 - pq, options.samples)), never * (1 - never)};
}

EmergenceTerms coupled_emergence(std::span<const double> base, std::span<const double> quantized,
                                 std::size_t stereotype, const EmergenceOptions& options,
                                 std::uint64_t item) {
  check(base, quantized, stereotype, options);
  require(options.coupled_draws > 0, "coupled emergence needs at least one draw");
  Rng rng(options.seed * 0x9e3779b97f4a7c15u + item);
  std::vector<double> noise(base.size());
  EmergenceTerms terms;
  for (std::size_t draw = 0; draw < options.coupled_draws; ++draw) {
    bool before = false, after = false;
    for (int sample = 0; sample < options.samples; ++sample) {
      for (double& value : noise) value = gumbel(rng);
      before |= gumbel_choice(base, noise, options.temperature) == stereotype;
      after |= gumbel_choice(quantized, noise, options.temperature) == stereotype;
    }
    terms.base += before ? 0 : 1;
    terms.observed += !before && after ? 1 : 0;
  }
  const auto draws = static_cast<double>(options.coupled_draws);
  terms.base /= draws;
  terms.observed /= draws;
  return terms;
}

}  // namespace libquant
