#include "libquant/model/rope.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace libquant {
namespace {

using Scaling = RopeConfig::Scaling;

std::size_t original_positions(const ModelConfig& config) {
  const std::size_t original = config.rope.original_max_positions;
  return original > 0 ? original : config.max_positions;
}

double scaling_factor(const ModelConfig& config) {
  if (config.rope.factor > 0) return config.rope.factor;
  return static_cast<double>(config.max_positions) /
         static_cast<double>(original_positions(config));
}

// theta^(2i / head_dim)
std::vector<float> wave_numbers(std::size_t head_dim, double theta) {
  std::vector<float> powers(head_dim / 2);
  for (std::size_t i = 0; i < powers.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
    powers[i] = static_cast<float>(std::pow(double{static_cast<float>(theta)}, double{exponent}));
  }
  return powers;
}

// bloc97's NTK-aware scaling of theta, growing with the sequence.
double dynamic_theta(const ModelConfig& config, std::size_t length) {
  const auto limit = static_cast<double>(config.max_positions);
  const auto dim = static_cast<double>(config.head_dim);
  const double reached = std::max(static_cast<double>(length), limit);
  const double growth = config.rope.factor * reached / limit - (config.rope.factor - 1);
  return config.rope.theta * std::pow(growth, dim / (dim - 2));
}

// Llama 3.1: long waves are slowed by the factor, short ones kept, those between interpolated.
void scale_llama3(const ModelConfig& config, std::vector<float>& frequencies) {
  const RopeConfig& rope = config.rope;
  const auto original = static_cast<float>(original_positions(config));
  const auto low = static_cast<float>(rope.low_frequency_factor);
  const auto high = static_cast<float>(rope.high_frequency_factor);
  const auto factor = static_cast<float>(rope.factor);
  for (float& frequency : frequencies) {
    const float wave = 2 * std::numbers::pi_v<float> / frequency;
    if (wave < original / high) continue;
    const float slow = frequency / factor;
    if (wave > original / low) {
      frequency = slow;
      continue;
    }
    const float smooth = (original / wave - low) / (high - low);
    frequency = (1 - smooth) * slow + smooth * frequency;
  }
}

// The dimension that makes `rotations` turns within the original length (Peng et al. 2023, YaRN).
double correction_dimension(const ModelConfig& config, double rotations) {
  const auto original = static_cast<double>(original_positions(config));
  return static_cast<double>(config.head_dim) *
         std::log(original / (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(config.rope.theta));
}

std::vector<float> yarn_frequencies(const ModelConfig& config, const std::vector<float>& powers) {
  const RopeConfig& rope = config.rope;
  double low = correction_dimension(config, rope.beta_fast);
  double high = correction_dimension(config, rope.beta_slow);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(config.head_dim - 1));
  if (low == high) high += 0.001;
  const auto factor = static_cast<float>(scaling_factor(config));
  std::vector<float> frequencies(powers.size());
  for (std::size_t i = 0; i < powers.size(); ++i) {
    const float ramp = std::clamp(
        (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low), 0.0f,
        1.0f);
    const float keep = 1 - ramp;
    frequencies[i] = 1 / (factor * powers[i]) * (1 - keep) + 1 / powers[i] * keep;
  }
  return frequencies;
}

double yarn_attention(const ModelConfig& config) {
  const RopeConfig& rope = config.rope;
  const double factor = scaling_factor(config);
  const auto magnitude = [&](double scale) {
    return factor <= 1 ? 1.0 : 0.1 * scale * std::log(factor) + 1;
  };
  if (rope.mscale > 0 && rope.mscale_all_dim > 0)
    return magnitude(rope.mscale) / magnitude(rope.mscale_all_dim);
  return magnitude(1);
}

double longrope_attention(const ModelConfig& config) {
  const double factor = scaling_factor(config);
  if (factor <= 1) return 1;
  return std::sqrt(1 +
                   std::log(factor) / std::log(static_cast<double>(original_positions(config))));
}

double attention_factor(const ModelConfig& config) {
  const Scaling scaling = config.rope.scaling;
  if (scaling != Scaling::yarn && scaling != Scaling::longrope) return 1;
  if (config.rope.attention_factor > 0) return config.rope.attention_factor;
  return scaling == Scaling::yarn ? yarn_attention(config) : longrope_attention(config);
}

void fill(const RopeFrequencies& rope, std::size_t begin, Matrix& cosine, Matrix& sine) {
  for (std::size_t r = 0; r < cosine.rows(); ++r) {
    for (std::size_t i = 0; i < cosine.cols(); ++i) {
      const float angle = static_cast<float>(begin + r) * rope.frequencies[i];
      cosine(r, i) = static_cast<float>(std::cos(double{angle})) * rope.attention_factor;
      sine(r, i) = static_cast<float>(std::sin(double{angle})) * rope.attention_factor;
    }
  }
}

}  // namespace

RopeFrequencies rope_frequencies(const ModelConfig& config, std::size_t length) {
  const RopeConfig& rope = config.rope;
  const bool dynamic = rope.scaling == Scaling::dynamic;
  const std::vector<float> powers =
      wave_numbers(config.head_dim, dynamic ? dynamic_theta(config, length) : rope.theta);
  RopeFrequencies result;
  result.attention_factor = static_cast<float>(attention_factor(config));
  result.frequencies.resize(powers.size());
  std::vector<float>& frequencies = result.frequencies;
  for (std::size_t i = 0; i < powers.size(); ++i) frequencies[i] = 1 / powers[i];
  if (rope.scaling == Scaling::linear)
    for (float& frequency : frequencies) frequency /= static_cast<float>(rope.factor);
  if (rope.scaling == Scaling::llama3) scale_llama3(config, frequencies);
  if (rope.scaling == Scaling::yarn) frequencies = yarn_frequencies(config, powers);
  if (rope.scaling == Scaling::longrope) {
    const auto& factors =
        length > original_positions(config) ? rope.long_factors : rope.short_factors;
    for (std::size_t i = 0; i < powers.size(); ++i)
      frequencies[i] = 1 / (static_cast<float>(factors[i]) * powers[i]);
  }
  for (std::size_t i = 0; i < rope.frequency_factors.size(); ++i)
    frequencies[i] /= static_cast<float>(rope.frequency_factors[i]);
  return result;
}

RopeTable::RopeTable(const ModelConfig& config, std::size_t positions)
    : config_(config),
      original_length_(std::numeric_limits<std::size_t>::max()),
      base_(rope_frequencies(config, 0)),
      cosine_(positions, config.head_dim / 2),
      sine_(positions, config.head_dim / 2) {
  if (config.rope.scaling == Scaling::dynamic) original_length_ = config.max_positions;
  if (config.rope.scaling == Scaling::longrope) original_length_ = original_positions(config);
  fill(base_, 0, cosine_, sine_);
}

RopeRows RopeTable::rows(std::size_t begin, std::size_t count) const {
  RopeRows rows;
  const std::size_t end = begin + count;
  if (end <= positions() && end <= original_length_) {
    rows.cosine = cosine_.data() + begin * cosine_.cols();
    rows.sine = sine_.data() + begin * sine_.cols();
    return rows;
  }
  rows.own_cosine = Matrix(count, config_.head_dim / 2);
  rows.own_sine = Matrix(count, config_.head_dim / 2);
  fill(end <= original_length_ ? base_ : rope_frequencies(config_, end), begin, rows.own_cosine,
       rows.own_sine);
  rows.cosine = rows.own_cosine.data();
  rows.sine = rows.own_sine.data();
  return rows;
}

bool RopeTable::same_frequencies(std::size_t length, std::size_t other) const noexcept {
  if (length == other || std::max(length, other) <= original_length_) return true;
  return config_.rope.scaling == Scaling::longrope && std::min(length, other) > original_length_;
}

}  // namespace libquant
