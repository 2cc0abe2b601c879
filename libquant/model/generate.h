#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "libquant/model/kv_cache.h"
#include "libquant/model/model.h"

namespace libquant {

struct SamplingOptions {
  double temperature = 0;  ///< 0 = greedy (ties: the smaller id)
  std::size_t top_k = 0;   ///< 0 = all
  double top_p = 1;
  std::uint64_t seed = 0;
  std::size_t max_tokens = 256;
  std::vector<std::int32_t> stop;  ///< generation ends before one of these is returned
};

struct Generation {
  std::vector<std::int32_t> tokens;  ///< without the prompt and the stop token
  bool stopped = false;              ///< a stop token, not the length, ended it
  std::size_t prompt_tokens = 0;     ///< that had to be computed
  double prompt_seconds = 0, seconds = 0;
};

/// Continues `cache` (whose tokens come before the prompt) with `prompt`. `on_token` is called with
/// each token as it comes; returning false stops. The same seed gives the same tokens.
Generation generate(const Model& model, KvCache& cache, std::span<const std::int32_t> prompt,
                    const SamplingOptions& options,
                    const std::function<bool(std::int32_t)>& on_token = {});

}  // namespace libquant
