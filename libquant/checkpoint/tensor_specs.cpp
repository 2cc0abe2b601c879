#include "libquant/checkpoint/tensor_specs.h"

#include <array>
#include <utility>

#include "libquant/core/error.h"
#include "libquant/model/block.h"
#include "libquant/model/family.h"

namespace libquant {
namespace {

using Kind = TensorSpec::Kind;

// In the order of LinearRole.
constexpr std::array<std::string_view, kLinearRoles.size()> kGgufLinears{
    "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};

std::pair<std::size_t, std::size_t> linear_shape(const ModelConfig& config, LinearRole role) {
  const std::size_t q = config.heads * config.head_dim, kv = config.kv_heads * config.head_dim;
  switch (role) {
    case LinearRole::q:
      return {q, config.hidden_size};
    case LinearRole::k:
    case LinearRole::v:
      return {kv, config.hidden_size};
    case LinearRole::o:
      return {config.hidden_size, q};
    case LinearRole::gate:
    case LinearRole::up:
      return {config.intermediate_size, config.hidden_size};
    case LinearRole::down:
      return {config.hidden_size, config.intermediate_size};
  }
  return {0, 0};
}

bool has_bias(const ModelConfig& config, LinearRole role) {
  switch (role) {
    case LinearRole::q:
    case LinearRole::k:
    case LinearRole::v:
      return config.attention_bias;
    case LinearRole::o:
      return config.output_bias;
    default:
      return config.mlp_bias;
  }
}

class BlockSpecs {
 public:
  BlockSpecs(const ModelConfig& config, std::vector<TensorSpec>& specs)
      : config_(config), specs_(specs) {
    const Family* family = family_named(config.family);
    require(family != nullptr, "unknown model family {}", config.family);
    permute_ = family->gguf_permutes_qk;
  }

  void add(std::size_t layer) {
    layer_ = layer;
    norm("input_layernorm", "attn_norm", config_.hidden_size);
    for (const LinearRole role : {LinearRole::q, LinearRole::k, LinearRole::v, LinearRole::o})
      linear(role);
    if (config_.qk_norm) {
      norm("self_attn.q_norm", "attn_q_norm", config_.head_dim);
      norm("self_attn.k_norm", "attn_k_norm", config_.head_dim);
    }
    norm("post_attention_layernorm", "ffn_norm", config_.hidden_size);
    for (const LinearRole role : {LinearRole::gate, LinearRole::up, LinearRole::down}) linear(role);
  }

 private:
  void norm(std::string_view name, std::string_view gguf, std::size_t size) {
    specs_.push_back({fmt::format("model.layers.{}.{}.weight", layer_, name),
                      fmt::format("blk.{}.{}.weight", layer_, gguf), Kind::norm, 1, size, 0});
  }

  void linear(LinearRole role) {
    const auto [rows, cols] = linear_shape(config_, role);
    const bool permuted = permute_ && (role == LinearRole::q || role == LinearRole::k);
    const std::size_t head_dim = permuted ? config_.head_dim : 0;
    const std::string name = linear_name(layer_, role);
    const std::string gguf =
        fmt::format("blk.{}.{}", layer_, kGgufLinears[static_cast<std::size_t>(role)]);
    specs_.push_back({name + ".weight", gguf + ".weight", Kind::linear, rows, cols, head_dim});
    if (has_bias(config_, role))
      specs_.push_back({name + ".bias", gguf + ".bias", Kind::bias, 1, rows, head_dim});
  }

  const ModelConfig& config_;
  std::vector<TensorSpec>& specs_;
  std::size_t layer_ = 0;
  bool permute_ = false;
};

}  // namespace

std::vector<std::size_t> TensorSpec::shape() const {
  if (is_vector()) return {cols};
  return {rows, cols};
}

std::vector<TensorSpec> tensor_specs(const ModelConfig& config) {
  std::vector<TensorSpec> specs;
  specs.push_back({"model.embed_tokens.weight", "token_embd.weight", Kind::embedding,
                   config.vocabulary_size, config.hidden_size, 0});
  BlockSpecs blocks(config, specs);
  for (std::size_t layer = 0; layer < config.layers; ++layer) blocks.add(layer);
  specs.push_back(
      {"model.norm.weight", "output_norm.weight", Kind::norm, 1, config.hidden_size, 0});
  if (!config.tied_embeddings)
    specs.push_back({"lm_head.weight", "output.weight", Kind::lm_head, config.vocabulary_size,
                     config.hidden_size, 0});
  return specs;
}

std::string_view module_of(std::string_view tensor) noexcept {
  const std::size_t dot = tensor.rfind('.');
  return dot == std::string_view::npos ? tensor : tensor.substr(0, dot);
}

}  // namespace libquant
