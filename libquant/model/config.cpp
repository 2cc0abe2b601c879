#include "libquant/model/config.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "libquant/core/error.h"
#include "libquant/model/family.h"
#include "libquant/model/rope.h"

namespace libquant {
namespace {

void check_size(std::string_view field, std::size_t value, std::size_t highest) {
  require<FormatError>(value >= 1 && value <= highest,
                       "model config: {} is {}, expected a number from 1 to {}", field, value,
                       highest);
}

void check_positive(std::string_view field, double value) {
  require<FormatError>(std::isfinite(value) && value > 0,
                       "model config: {} is {}, expected a positive number", field, value);
}

void check_factors(std::string_view field, const std::vector<double>& factors, std::size_t count) {
  require<FormatError>(factors.size() == count,
                       "model config: {} has {} values, expected head_dim / 2 = {}", field,
                       factors.size(), count);
  for (const double factor : factors) check_positive(field, factor);
}

void check_rope(const ModelConfig& config) {
  using Scaling = RopeConfig::Scaling;
  const RopeConfig& rope = config.rope;
  const std::size_t half = config.head_dim / 2;
  check_positive("rope theta", rope.theta);
  const bool may_derive = rope.scaling == Scaling::yarn || rope.scaling == Scaling::longrope;
  if (rope.factor != 0 || !may_derive) check_positive("rope scaling factor", rope.factor);
  require<FormatError>(rope.original_max_positions <= std::numeric_limits<std::int32_t>::max(),
                       "model config: original_max_position_embeddings is {}, expected at most {}",
                       rope.original_max_positions, std::numeric_limits<std::int32_t>::max());
  require<FormatError>(std::isfinite(rope.attention_factor) && rope.attention_factor >= 0,
                       "model config: rope attention_factor is {}, expected a positive number",
                       rope.attention_factor);
  if (rope.scaling == Scaling::dynamic)
    require<FormatError>(config.head_dim > 2 && rope.factor >= 1,
                         "model config: dynamic rope scaling needs head_dim > 2 and a factor >= 1, "
                         "found {} and {}",
                         config.head_dim, rope.factor);
  if (rope.scaling == Scaling::llama3) {
    check_positive("rope low_freq_factor", rope.low_frequency_factor);
    check_positive("rope high_freq_factor", rope.high_frequency_factor);
    require<FormatError>(rope.high_frequency_factor != rope.low_frequency_factor,
                         "model config: rope low_freq_factor and high_freq_factor are both {}",
                         rope.low_frequency_factor);
  }
  if (rope.scaling == Scaling::yarn) {
    check_positive("rope beta_fast", rope.beta_fast);
    check_positive("rope beta_slow", rope.beta_slow);
    require<FormatError>(rope.theta != 1, "model config: yarn rope scaling with rope theta 1");
    for (const double scale : {rope.mscale, rope.mscale_all_dim})
      require<FormatError>(std::isfinite(scale) && scale >= 0,
                           "model config: rope mscale is {}, expected a positive number", scale);
  }
  if (rope.scaling == Scaling::longrope) {
    check_factors("rope short_factor", rope.short_factors, half);
    check_factors("rope long_factor", rope.long_factors, half);
  }
  if (!rope.frequency_factors.empty())
    check_factors("rope frequency factors", rope.frequency_factors, half);
  for (const std::size_t length : {std::size_t{1}, longest_sequence(config)}) {
    const RopeFrequencies computed = rope_frequencies(config, length);
    bool finite = std::isfinite(computed.attention_factor);
    for (const float frequency : computed.frequencies) finite = finite && std::isfinite(frequency);
    require<FormatError>(finite, "model config: the rope parameters give no finite frequencies");
  }
}

}  // namespace

void check_config(const ModelConfig& config) {
  // Generous next to any real model, small enough that no product of two overflows.
  constexpr std::size_t kWidest = std::size_t{1} << 20, kLongest = std::size_t{1} << 30;
  require<FormatError>(family_named(config.family) != nullptr,
                       "model config: family \"{}\" is unknown", config.family);
  check_size("vocab_size", config.vocabulary_size, std::numeric_limits<std::int32_t>::max());
  check_size("hidden_size", config.hidden_size, kWidest);
  check_size("intermediate_size", config.intermediate_size, kWidest);
  check_size("num_hidden_layers", config.layers, 10000);
  check_size("num_attention_heads", config.heads, 1 << 16);
  check_size("num_key_value_heads", config.kv_heads, config.heads);
  check_size("head_dim", config.head_dim, 1 << 14);
  check_size("max_position_embeddings", config.max_positions, kLongest);
  require<FormatError>(config.heads % config.kv_heads == 0,
                       "model config: num_attention_heads {} is no multiple of "
                       "num_key_value_heads {}",
                       config.heads, config.kv_heads);
  require<FormatError>(config.head_dim % 2 == 0,
                       "model config: head_dim is {}, rotary embedding needs an even one",
                       config.head_dim);
  require<FormatError>(config.heads * config.head_dim <= kWidest,
                       "model config: {} heads of {} are wider than {}", config.heads,
                       config.head_dim, kWidest);
  check_positive("rms_norm_eps", config.rms_epsilon);
  check_rope(config);
}

std::size_t longest_sequence(const ModelConfig& config) noexcept {
  const RopeConfig& rope = config.rope;
  std::size_t start = 0;
  if (rope.scaling == RopeConfig::Scaling::dynamic) start = config.max_positions;
  if (rope.scaling == RopeConfig::Scaling::yarn)
    start = rope.original_max_positions > 0 ? rope.original_max_positions : config.max_positions;
  const double extended = std::min(static_cast<double>(start) * rope.factor, 0x1p31);
  return std::max(config.max_positions, static_cast<std::size_t>(extended));
}

}  // namespace libquant
