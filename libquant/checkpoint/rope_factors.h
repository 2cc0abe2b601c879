#pragma once

#include <vector>

#include "libquant/model/config.h"

namespace libquant {

/// GGUF knows Llama 3's rotary scaling only as one divisor per frequency ("rope_freqs.weight",
/// [head_dim / 2]): these are the divisors of a config with RopeConfig::Scaling::llama3.
std::vector<double> llama3_factors(const ModelConfig& config);

/// The way back for config.json: the llama3 parameters whose divisors are
/// config.rope.frequency_factors (to 1e-5 relative, they are stored in f32). Throws NotSupported
/// when there are none.
RopeConfig llama3_from_factors(const ModelConfig& config);

}  // namespace libquant
