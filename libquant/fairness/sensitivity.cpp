#include "libquant/fairness/sensitivity.h"

#include <algorithm>
#include <cmath>

#include "libquant/core/error.h"
#include "libquant/core/hash.h"
#include "libquant/core/rng.h"

namespace libquant {
namespace {

double sign_of(Rng& rng) { return rng.below(2) == 0 ? -1.0 : 1.0; }

std::vector<double> probabilities(const OptionDistribution& distribution,
                                  std::span<const double> log_probabilities) {
  std::vector<double> p;
  for (const auto& option : distribution.options) {
    double z = 0;
    for (const double value : log_probabilities.subspan(option.first, option.count)) z += value;
    p.push_back(option.weight * z);
  }
  const double highest = *std::ranges::max_element(p);
  double sum = 0;
  for (double& value : p) sum += value = std::exp(value - highest);
  for (double& value : p) value /= sum;
  return p;
}

}  // namespace

std::vector<double> fisher_coefficients(const ProbeTrees& probes,
                                        std::span<const double> log_probabilities,
                                        std::uint64_t seed) {
  require(log_probabilities.size() == probes.scored.size(),
          "{} log-probabilities for {} scored tokens", log_probabilities.size(),
          probes.scored.size());
  std::vector<double> coefficients(probes.scored.size());
  for (const OptionDistribution& distribution : probes.distributions) {
    Rng rng(hash64(fmt::format("{}/{}", seed, distribution.name)));
    const std::vector<double> p = probabilities(distribution, log_probabilities);
    std::vector<double> drawn;
    double sum = 0;
    for (const double value : p) {
      drawn.push_back(sign_of(rng) * std::sqrt(value));
      sum += drawn.back();
    }
    for (std::size_t o = 0; o < p.size(); ++o) {
      const auto& option = distribution.options[o];
      for (std::size_t i = option.first; i < option.first + option.count; ++i)
        coefficients[i] = option.weight * (drawn[o] - p[o] * sum);
    }
  }
  return coefficients;
}

std::vector<double> text_coefficients(const ProbeTrees& text, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<double> coefficients(text.scored.size());
  for (double& value : coefficients) value = sign_of(rng);
  return coefficients;
}

std::vector<std::vector<double>> option_probabilities(const ProbeTrees& probes,
                                                      std::span<const double> log_probabilities) {
  std::vector<std::vector<double>> result;
  for (const OptionDistribution& distribution : probes.distributions)
    result.push_back(probabilities(distribution, log_probabilities));
  return result;
}

}  // namespace libquant
