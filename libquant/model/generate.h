#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "libquant/model/kv_cache.h"
#include "libquant/model/model.h"
#include "libquant/model/sampling.h"

namespace libquant {

struct Generation {
  std::vector<std::int32_t> tokens;        ///< without the prompt and the stop token
  bool stopped = false;                    ///< a stop token, not the length, ended it
  std::size_t prompt_tokens = 0;           ///< that had to be computed
  double prompt_seconds = 0, seconds = 0;  ///< of the prompt, and of everything after it
};

/// Continues `cache` (whose tokens come before the prompt) with `prompt`, which holds at least one
/// token. `on_token` is called with each token as it comes; returning false stops. The same seed
/// gives the same tokens. Ends early where the cache or the model's longest sequence is full. All
/// returned tokens but the last are in the cache afterwards.
/// InvalidArgument for options out of range and prompts that do not fit.
Generation generate(const Model& model, KvCache& cache, std::span<const std::int32_t> prompt,
                    const SamplingOptions& options,
                    const std::function<bool(std::int32_t)>& on_token = {});

}  // namespace libquant
