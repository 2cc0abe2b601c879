#include "libquant/model/families/families.h"

namespace libquant {

// Qwen2 and Qwen2.5: q, k and v always have a bias, o never.
const Family kQwen2Family{
    .name = "qwen2",
    .hf_architecture = "Qwen2ForCausalLM",
    .hf_model_type = "qwen2",
    .gguf_architecture = "qwen2",
    .gguf_permutes_qk = false,
    .default_attention_bias = true,
    .config_has_attention_bias = false,
    .output_bias_follows = false,
    .config_has_mlp_bias = false,
    .qk_norm = false,
};

}  // namespace libquant
