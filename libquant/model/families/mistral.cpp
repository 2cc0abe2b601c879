#include "libquant/model/families/families.h"

namespace libquant {

// GGUF has no architecture of its own for Mistral: its files say "llama" and are read as such.
const Family kMistralFamily{
    .name = "mistral",
    .hf_architecture = "MistralForCausalLM",
    .hf_model_type = "mistral",
    .gguf_architecture = "llama",
    .gguf_permutes_qk = true,
    .default_attention_bias = false,
    .config_has_attention_bias = false,
    .output_bias_follows = false,
    .config_has_mlp_bias = false,
    .qk_norm = false,
};

}  // namespace libquant
