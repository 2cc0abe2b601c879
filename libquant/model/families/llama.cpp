#include "libquant/model/families/families.h"

namespace libquant {

// Llama 2 and 3, SmolLM2, TinyLlama and the many that share their config.
const Family kLlamaFamily{
    .name = "llama",
    .hf_architecture = "LlamaForCausalLM",
    .hf_model_type = "llama",
    .gguf_architecture = "llama",
    .gguf_permutes_qk = true,
    .default_attention_bias = false,
    .config_has_attention_bias = true,
    .output_bias_follows = true,
    .config_has_mlp_bias = true,
    .qk_norm = false,
};

}  // namespace libquant
