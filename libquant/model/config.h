#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace libquant {

/// Rotary embedding and the scaling kinds of config.json's "rope_scaling" ("rope_parameters" since
/// transformers 5), with the meaning that transformers' modeling_rope_utils gives them. A
/// "partial_rotary_factor" other than 1 has no place here: readers refuse it.
struct RopeConfig {
  enum class Scaling : std::uint8_t { none, linear, dynamic, llama3, yarn, longrope };
  double theta = 10000;
  Scaling scaling = Scaling::none;
  /// 0 = max_positions / original_max_positions, for yarn and longrope configs that name no factor.
  double factor = 1;
  /// llama3, yarn, longrope; 0 = ModelConfig::max_positions. dynamic always scales beyond
  /// max_positions.
  std::size_t original_max_positions = 0;
  double low_frequency_factor = 1, high_frequency_factor = 4;  ///< llama3
  double beta_fast = 32, beta_slow = 1;                        ///< yarn
  double mscale = 0, mscale_all_dim = 0;            ///< yarn; used where both are given (non-zero)
  bool truncate = true;                             ///< yarn: whole correction dimensions
  double attention_factor = 0;                      ///< yarn and longrope; 0 = derived
  std::vector<double> short_factors, long_factors;  ///< longrope, [head_dim / 2]
  /// GGUF's rope_freqs.weight, if any, [head_dim / 2]: frequencies are divided by them.
  std::vector<double> frequency_factors;
  friend bool operator==(const RopeConfig&, const RopeConfig&) = default;
};

/// Shape and constants of a decoder of the Llama family; all that the forward pass needs to know.
struct ModelConfig {
  std::string family;  ///< "llama", "mistral", "qwen2", "qwen3": a row of model/families
  std::size_t vocabulary_size = 0;
  std::size_t hidden_size = 0;
  std::size_t intermediate_size = 0;
  std::size_t layers = 0;
  std::size_t heads = 0;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  std::size_t max_positions = 0;
  std::size_t sliding_window =
      0;  ///< a token sees this many, itself included; 0 = all earlier ones
  /// Layers before this one see all earlier tokens even so (Qwen's max_window_layers).
  std::size_t first_sliding_layer = 0;
  double rms_epsilon = 1e-5;
  bool tied_embeddings = false;
  bool attention_bias = false;  ///< q, k, v (and o for llama configs that ask for it)
  bool output_bias = false;     ///< o
  bool mlp_bias = false;
  bool qk_norm = false;  ///< Qwen3: RMS norm of q and k per head
  RopeConfig rope;
  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

/// Throws FormatError naming the field unless all sizes are consistent (heads % kv_heads, even
/// head_dim, nothing zero, nothing absurd).
void check_config(const ModelConfig& config);

/// The longest sequence that the model is meant for: max_positions, or what yarn and dynamic
/// scaling extend it to where the config leaves max_positions at the original length.
std::size_t longest_sequence(const ModelConfig& config) noexcept;

}  // namespace libquant
