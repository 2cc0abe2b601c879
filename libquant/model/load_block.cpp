#include <fmt/format.h>

#include "libquant/core/error.h"
#include "libquant/model/block.h"
#include "libquant/model/load.h"

namespace libquant {
namespace {

struct LinearShape {
  std::size_t outputs, inputs;
  bool bias;
};

LinearShape shape_of(const ModelConfig& config, LinearRole role) {
  const std::size_t queries = config.heads * config.head_dim;
  const std::size_t keys = config.kv_heads * config.head_dim;
  switch (role) {
    case LinearRole::q:
      return {queries, config.hidden_size, config.attention_bias};
    case LinearRole::k:
    case LinearRole::v:
      return {keys, config.hidden_size, config.attention_bias};
    case LinearRole::o:
      return {config.hidden_size, queries, config.output_bias};
    case LinearRole::gate:
    case LinearRole::up:
      return {config.intermediate_size, config.hidden_size, config.mlp_bias};
    case LinearRole::down:
      return {config.hidden_size, config.intermediate_size, config.mlp_bias};
  }
  fail("unknown linear role {}", static_cast<int>(role));
}

Linear load_linear(const WeightSource& source, std::size_t layer, LinearRole role) {
  const LinearShape shape = shape_of(source.config(), role);
  const std::string name = linear_name(layer, role);
  Linear linear;
  linear.weight = load_matrix(source, name + ".weight", shape.outputs, shape.inputs);
  linear.bias = load_bias(source, name, shape.outputs, shape.bias);
  return linear;
}

template <typename Block>
Block load_norms(const WeightSource& source, std::size_t layer) {
  const ModelConfig& config = source.config();
  require(layer < config.layers, "loading block {} of a model of {}", layer, config.layers);
  const auto norm = [&](std::string_view name, std::size_t size) {
    return load_vector(source, fmt::format("model.layers.{}.{}.weight", layer, name), size);
  };
  Block block;
  block.attention_norm = norm("input_layernorm", config.hidden_size);
  block.mlp_norm = norm("post_attention_layernorm", config.hidden_size);
  if (config.qk_norm) {
    block.q_norm = norm("self_attn.q_norm", config.head_dim);
    block.k_norm = norm("self_attn.k_norm", config.head_dim);
  }
  return block;
}

}  // namespace

std::string_view to_string(LinearRole role) noexcept {
  static constexpr std::array<std::string_view, kLinearRoles.size()> kNames{
      "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
      "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};
  return kNames[static_cast<std::size_t>(role)];
}

std::string linear_name(std::size_t layer, LinearRole role) {
  return fmt::format("model.layers.{}.{}", layer, to_string(role));
}

BlockWeights load_block(const WeightSource& source, std::size_t layer) {
  auto block = load_norms<BlockWeights>(source, layer);
  for (const LinearRole role : kLinearRoles) block[role] = load_linear(source, layer, role);
  return block;
}

BlockLayers load_block(const WeightSource& source, std::size_t layer, const ModelOptions& options,
                       WeightUses& uses) {
  auto block = load_norms<BlockLayers>(source, layer);
  for (const LinearRole role : kLinearRoles) {
    const LinearShape shape = shape_of(source.config(), role);
    block.linears[static_cast<std::size_t>(role)] = load_linear_layer(
        source, linear_name(layer, role), shape.outputs, shape.inputs, shape.bias, options, uses);
  }
  return block;
}

}  // namespace libquant
