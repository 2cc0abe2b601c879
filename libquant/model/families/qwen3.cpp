#include "libquant/model/families/families.h"

namespace libquant {

const Family kQwen3Family{
    .name = "qwen3",
    .hf_architecture = "Qwen3ForCausalLM",
    .hf_model_type = "qwen3",
    .gguf_architecture = "qwen3",
    .gguf_permutes_qk = false,
    .default_attention_bias = false,
    .config_has_attention_bias = true,
    .output_bias_follows = true,
    .config_has_mlp_bias = false,
    .qk_norm = true,
};

}  // namespace libquant
