#pragma once

#include <string_view>

#include "libquant/core/dtype.h"
#include "libquant/io/json.h"
#include "libquant/model/config.h"
#include "libquant/tokenizer/tokenizer_spec.h"

namespace libquant {

/// config.json of LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM and Qwen3ForCausalLM, as
/// written by transformers 4 and 5. Absent keys take the defaults of transformers where those are
/// safe. Throws FormatError naming the key for values that cannot be, NotSupported for
/// architectures, activations and rotary embeddings that libquant does not compute. `source` names
/// the file.
ModelConfig config_from_json(const Json& json, std::string_view source);

/// The config.json that makes transformers, vLLM and SGLang build the same model. `dtype` is the
/// type of the tensors that are not quantized. Throws NotSupported for rotary factors (from a GGUF)
/// that no rope_scaling of transformers reproduces.
Json config_to_json(const ModelConfig& config, const TokenizerSpec& tokenizer, DType dtype);

/// The rotary embedding: rope_theta and rope_scaling, or transformers 5's rope_parameters.
RopeConfig rope_from_json(const Json& json, std::string_view source);
void rope_to_json(const ModelConfig& config, Json& json);

/// "float32", "float16", "bfloat16".
std::string_view torch_name(DType dtype);

}  // namespace libquant
