#pragma once

#include <span>
#include <string_view>

#include "libquant/model/config.h"

namespace libquant {

/// What differs between the families of decoders that share the Llama block. A further family is
/// one file in model/families with one row of this table.
struct Family {
  std::string_view name;             ///< ModelConfig::family
  std::string_view hf_architecture;  ///< "LlamaForCausalLM"
  std::string_view hf_model_type;    ///< "llama"
  std::string_view gguf_architecture;
  bool gguf_permutes_qk;           ///< converter interleaves q/k rows for its rotary embedding
  bool default_attention_bias;     ///< where config.json does not say
  bool config_has_attention_bias;  ///< transformers reads "attention_bias" for this family
  bool output_bias_follows;        ///< attention_bias also gives o_proj a bias
  bool config_has_mlp_bias;        ///< transformers reads "mlp_bias"; without, there is none
  bool qk_norm;
};

std::span<const Family* const> families() noexcept;
/// nullptr when unknown.
const Family* family_named(std::string_view name) noexcept;
const Family* family_of_hf_architecture(std::string_view architecture) noexcept;
const Family* family_of_gguf_architecture(std::string_view architecture) noexcept;

}  // namespace libquant
