#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "libquant/core/matrix.h"
#include "libquant/core/rng.h"

namespace test_support {

/// Activations as layers see them: a few shared factors, channel scales spread log-normally.
inline libquant::Matrix correlated_activations(std::size_t tokens, std::size_t size,
                                               std::uint64_t seed) {
  libquant::Rng rng(seed);
  const std::size_t factors = size / 4 + 1;
  std::vector<double> mixing(factors * size);
  for (double& value : mixing) value = rng.normal();
  std::vector<double> scale(size);
  for (double& value : scale) value = std::exp(rng.normal());
  libquant::Matrix x(tokens, size);
  std::vector<double> factor(factors);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (double& value : factor) value = rng.normal();
    for (std::size_t c = 0; c < size; ++c) {
      double sum = 0.5 * rng.normal();
      for (std::size_t f = 0; f < factors; ++f)
        sum += factor[f] * mixing[f * size + c] / std::sqrt(static_cast<double>(factors));
      x(t, c) = static_cast<float>(sum * scale[c]);
    }
  }
  return x;
}

/// Normal weights with one in sixty-four four times as large.
inline libquant::Matrix random_weights(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  libquant::Rng rng(seed);
  libquant::Matrix w(rows, cols);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c)
      w(r, c) = static_cast<float>(0.02 * rng.normal() * (rng.below(64) == 0 ? 4 : 1));
  return w;
}

}  // namespace test_support
