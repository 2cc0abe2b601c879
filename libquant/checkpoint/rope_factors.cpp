#include "libquant/checkpoint/rope_factors.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "libquant/core/error.h"

namespace libquant {

std::vector<double> llama3_factors(const ModelConfig& config) {
  const RopeConfig& rope = config.rope;
  const auto original = static_cast<double>(
      rope.original_max_positions == 0 ? config.max_positions : rope.original_max_positions);
  std::vector<double> factors(config.head_dim / 2);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const double exponent = 2.0 * static_cast<double>(i) / static_cast<double>(config.head_dim);
    const double wavelength = 2 * std::numbers::pi * std::pow(rope.theta, exponent);
    if (wavelength < original / rope.high_frequency_factor) {
      factors[i] = 1;
    } else if (wavelength > original / rope.low_frequency_factor) {
      factors[i] = rope.factor;
    } else {
      const double smooth = (original / wavelength - rope.low_frequency_factor) /
                            (rope.high_frequency_factor - rope.low_frequency_factor);
      factors[i] = 1 / ((1 - smooth) / rope.factor + smooth);
    }
  }
  return factors;
}

RopeConfig llama3_from_factors(const ModelConfig& config) {
  const std::vector<double>& wanted = config.rope.frequency_factors;
  ModelConfig candidate = config;
  candidate.rope.frequency_factors.clear();
  candidate.rope.scaling = RopeConfig::Scaling::llama3;
  candidate.rope.factor = std::round(*std::max_element(wanted.begin(), wanted.end()) * 64) / 64;
  candidate.rope.low_frequency_factor = 1;
  candidate.rope.high_frequency_factor = 4;
  const auto close = [](double a, double b) { return std::abs(a - b) <= 1e-5 * std::abs(b); };
  for (std::size_t original = 512; original <= std::size_t{1} << 20; original *= 2) {
    candidate.rope.original_max_positions = original;
    const std::vector<double> made = llama3_factors(candidate);
    if (std::equal(made.begin(), made.end(), wanted.begin(), wanted.end(), close))
      return candidate.rope;
  }
  fail<NotSupported>(
      "writing config.json: no rope_scaling of kind llama3 gives the {} factors of the source's "
      "rope_freqs.weight; export to GGUF keeps them",
      wanted.size());
}

}  // namespace libquant
