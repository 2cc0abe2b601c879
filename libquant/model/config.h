#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace libquant {

/// Rotary embedding and the scaling kinds of config.json's "rope_scaling".
struct RopeConfig {
  enum class Scaling : std::uint8_t { none, linear, dynamic, llama3, yarn, longrope };
  double theta = 10000;
  Scaling scaling = Scaling::none;
  double factor = 1;
  std::size_t original_max_positions = 0;
  double low_frequency_factor = 1, high_frequency_factor = 4;  ///< llama3
  double beta_fast = 32, beta_slow = 1, attention_factor = 0;  ///< yarn; 0 = derived
  std::vector<double> short_factors, long_factors;             ///< longrope
  std::vector<double> frequency_factors;                       ///< GGUF's rope_freqs.weight, if any
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
  std::size_t sliding_window = 0;  ///< 0 = full attention
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

}  // namespace libquant
