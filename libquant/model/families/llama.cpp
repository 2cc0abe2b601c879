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
    .output_bias_follows = true,
    .qk_norm = false,
};

}  // namespace libquant
