#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/core/rng.h"
#include "libquant/model/block.h"
#include "libquant/model/weight_source.h"

namespace libquant::testing {

/// The weight rule of tests/tools/make_families.py: what transformers computed its logits with.
inline Matrix family_weight(const std::string& name, std::size_t rows, std::size_t cols) {
  std::uint64_t seed = 0xcbf29ce484222325u;
  for (const char c : name) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  Rng rng(seed);
  Matrix values(rows, cols);
  const bool query_key =
      name.find(".q_proj.") != std::string::npos || name.find(".k_proj.") != std::string::npos;
  const double matrix = (query_key ? 2.0 : 1.0) * std::sqrt(3.0 / static_cast<double>(cols));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double centred = 2 * rng.uniform() - 1;
    double value = matrix * centred;
    if (name.ends_with("norm.weight")) value = 1 + 0.3 * centred;
    if (name.ends_with(".bias")) value = 0.4 * centred;
    if (name.find("embed_tokens") != std::string::npos) value = 1.5 * centred;
    values.data()[i] = static_cast<float>(value);
  }
  return values;
}

/// A checkpoint in memory. Starts with every tensor that its config asks for, filled by
/// `family_weight`; tests change `tensors` to their liking.
class MemorySource : public WeightSource {
 public:
  explicit MemorySource(ModelConfig config) : config_(std::move(config)) {
    const std::size_t hidden = config_.hidden_size;
    add("model.embed_tokens.weight", config_.vocabulary_size, hidden);
    for (std::size_t layer = 0; layer < config_.layers; ++layer) add_block(layer);
    add("model.norm.weight", 1, hidden);
    if (!config_.tied_embeddings) add("lm_head.weight", config_.vocabulary_size, hidden);
  }

  std::map<std::string, Matrix, std::less<>> tensors;

  void add(const std::string& name, std::size_t rows, std::size_t cols) {
    order_.push_back(name);
    tensors[name] = family_weight(name, rows, cols);
  }

  const ModelConfig& config() const override { return config_; }
  std::vector<std::string> names() const override { return order_; }
  bool has(std::string_view name) const override { return tensors.contains(name); }
  Info info(std::string_view name) const override {
    const Matrix& tensor = find(name);
    return {tensor.rows(), tensor.cols(), "F32", false};
  }
  void load_rows(std::string_view name, std::size_t row_begin, MatrixView out) const override {
    const Matrix& tensor = find(name);
    for (std::size_t r = 0; r < out.rows; ++r)
      std::ranges::copy(tensor.row(row_begin + r), out.row(r).begin());
  }
  std::optional<QuantizedMatrix> quantized(std::string_view) const override { return {}; }
  std::string type_name() const override { return "F32"; }

 private:
  const Matrix& find(std::string_view name) const {
    const auto found = tensors.find(name);
    require<FormatError>(found != tensors.end(), "{}: not in memory", name);
    return found->second;
  }

  void add_block(std::size_t layer) {
    const ModelConfig& c = config_;
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const std::size_t queries = c.heads * c.head_dim, keys = c.kv_heads * c.head_dim;
    add(prefix + "input_layernorm.weight", 1, c.hidden_size);
    const auto linear = [&](LinearRole role, std::size_t rows, std::size_t cols, bool bias) {
      add(linear_name(layer, role) + ".weight", rows, cols);
      if (bias) add(linear_name(layer, role) + ".bias", 1, rows);
    };
    linear(LinearRole::q, queries, c.hidden_size, c.attention_bias);
    linear(LinearRole::k, keys, c.hidden_size, c.attention_bias);
    linear(LinearRole::v, keys, c.hidden_size, c.attention_bias);
    linear(LinearRole::o, c.hidden_size, queries, c.output_bias);
    if (c.qk_norm) {
      add(prefix + "self_attn.q_norm.weight", 1, c.head_dim);
      add(prefix + "self_attn.k_norm.weight", 1, c.head_dim);
    }
    add(prefix + "post_attention_layernorm.weight", 1, c.hidden_size);
    linear(LinearRole::gate, c.intermediate_size, c.hidden_size, c.mlp_bias);
    linear(LinearRole::up, c.intermediate_size, c.hidden_size, c.mlp_bias);
    linear(LinearRole::down, c.hidden_size, c.intermediate_size, c.mlp_bias);
  }

  ModelConfig config_;
  std::vector<std::string> order_;
};

/// A small valid config: 2 layers, hidden 32, 4 heads over 2 key heads, vocabulary 41, 128
/// positions.
inline ModelConfig tiny_config() {
  ModelConfig config;
  config.family = "llama";
  config.vocabulary_size = 41;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 8;
  config.max_positions = 128;
  return config;
}

/// `count` token ids below `vocabulary`.
inline std::vector<std::int32_t> random_tokens(std::size_t count, std::size_t vocabulary,
                                               std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::int32_t> tokens(count);
  for (auto& token : tokens) token = static_cast<std::int32_t>(rng.below(vocabulary));
  return tokens;
}

}  // namespace libquant::testing
