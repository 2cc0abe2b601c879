#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "libquant/core/rng.h"

namespace libquant {

struct SamplingOptions {
  double temperature = 0;  ///< 0 = greedy (ties: the smaller id)
  std::size_t top_k = 0;   ///< only the k most likely tokens; 0 = all
  /// Only the most likely tokens up to and including the one that brings their probability to
  /// top_p; after temperature and top_k, as in transformers. In (0, 1].
  double top_p = 1;
  std::uint64_t seed = 0;
  std::size_t max_tokens = 256;
  std::vector<std::int32_t> stop;  ///< generation ends before one of these is returned
};

/// Throws InvalidArgument naming the option that is out of range.
void check_sampling(const SamplingOptions& options);

/// Index of the largest value; the first of equals. InvalidArgument for NaN or no values.
std::int32_t argmax(std::span<const float> logits);

/// One token drawn from `logits` (greedy at temperature 0: `rng` is then left alone). Equal logits
/// rank by id. InvalidArgument for NaN.
std::int32_t sample_token(std::span<const float> logits, const SamplingOptions& options, Rng& rng);

}  // namespace libquant
