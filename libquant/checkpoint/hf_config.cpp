#include "libquant/checkpoint/hf_config.h"

#include <algorithm>
#include <string>
#include <vector>

#include "libquant/checkpoint/json_fields.h"
#include "libquant/core/error.h"
#include "libquant/model/family.h"

namespace libquant {
namespace {

const Family& find_family(const JsonFields& fields) {
  const Json* architectures = fields.find("architectures");
  std::string name;
  if (architectures != nullptr) {
    const auto& list = architectures->as_array(fields.where("architectures"));
    require<FormatError>(!list.empty(), "{} is empty", fields.where("architectures"));
    name = list.front().as_string(fields.where("architectures"));
    if (const Family* family = family_of_hf_architecture(name)) return *family;
  } else if (const std::string* type = fields.text("model_type")) {
    name = *type;
    for (const Family* family : families())
      if (family->hf_model_type == name) return *family;
  } else {
    fail<FormatError>("{} is missing", fields.where("architectures"));
  }
  std::string known;
  for (const Family* family : families())
    known += (known.empty() ? "" : ", ") + std::string(family->hf_architecture);
  fail<NotSupported>("{} is {}; libquant reads {}", fields.where("architectures"), name, known);
}

// transformers fills these in from class defaults that differ per family.
void read_heads(const JsonFields& fields, const Family& family, ModelConfig& config) {
  config.heads = fields.size("num_attention_heads");
  const Json* kv_heads = fields.find("num_key_value_heads");
  // Mistral and Qwen have class defaults of 8 and 32 where the key is absent, which files written
  // by transformers never leave out: a missing key there is a damaged file.
  require<FormatError>(kv_heads != nullptr || family.hf_model_type == "llama", "{} is missing",
                       fields.where("num_key_value_heads"));
  config.kv_heads = fields.size_or("num_key_value_heads", config.heads);
  require<FormatError>(config.heads % config.kv_heads == 0,
                       "{} is {}, {} attention heads need a divisor",
                       fields.where("num_key_value_heads"), config.kv_heads, config.heads);
  if (fields.find("head_dim") != nullptr) {
    config.head_dim = fields.size("head_dim");
  } else if (family.qk_norm) {
    config.head_dim = 128;  // Qwen3's class default; hidden_size / heads would be wrong
  } else {
    require<FormatError>(config.hidden_size % config.heads == 0,
                         "{} is {}, not a multiple of {} attention heads, and head_dim is absent",
                         fields.where("hidden_size"), config.hidden_size, config.heads);
    config.head_dim = config.hidden_size / config.heads;
  }
}

bool is_qwen(const Family& family) {
  return family.hf_model_type == "qwen2" || family.hf_model_type == "qwen3";
}

// layer_types must be full attention first, sliding after: that is all that ModelConfig can say.
std::size_t first_sliding(const Json& types, const std::string& where, std::size_t layers) {
  const auto& list = types.as_array(where);
  require<FormatError>(list.size() == layers, "{} has {} entries, num_hidden_layers is {}", where,
                       list.size(), layers);
  std::size_t first = layers;
  for (std::size_t i = 0; i < layers; ++i) {
    const std::string& type = list[i].as_string(where);
    require<NotSupported>(type == "full_attention" || type == "sliding_attention",
                          "{} names {}; libquant computes full_attention and sliding_attention",
                          where, type);
    if (type == "sliding_attention") first = std::min(first, i);
    require<NotSupported>(i < first || type == "sliding_attention",
                          "{}: layer {} has full attention after a sliding one", where, i);
  }
  return first;
}

void read_sliding_window(const JsonFields& fields, const Family& family, ModelConfig& config) {
  const bool has_window = family.hf_model_type == "mistral" ||
                          (is_qwen(family) && fields.flag_or("use_sliding_window", false));
  if (!has_window || fields.find("sliding_window") == nullptr) return;
  std::size_t first = 0;
  if (is_qwen(family)) {
    if (const Json* types = fields.find("layer_types")) {
      first = first_sliding(*types, fields.where("layer_types"), config.layers);
    } else if (const Json* full = fields.find("max_window_layers")) {
      const std::int64_t count = full->as_int(fields.where("max_window_layers"));
      first = count <= 0 ? 0 : static_cast<std::size_t>(count);
    } else {
      first = 28;  // the class default of both families
    }
  }
  if (first >= config.layers) return;
  config.sliding_window = fields.size("sliding_window");
  config.first_sliding_layer = first;
}

// A key that transformers does not read for a family says nothing about its tensors.
void read_biases(const JsonFields& fields, const Family& family, ModelConfig& config) {
  config.attention_bias = family.default_attention_bias;
  if (family.config_has_attention_bias)
    config.attention_bias = fields.flag_or("attention_bias", config.attention_bias);
  config.output_bias = config.attention_bias && family.output_bias_follows;
  config.mlp_bias = family.config_has_mlp_bias && fields.flag_or("mlp_bias", false);
}

void write_biases(const ModelConfig& config, const Family& family, Json& json) {
  if (family.config_has_attention_bias) json.set("attention_bias", config.attention_bias);
  if (family.config_has_mlp_bias) json.set("mlp_bias", config.mlp_bias);
  ModelConfig read;
  read_biases(JsonFields(json, "config.json"), family, read);
  const auto check = [&](const char* what, bool has, bool would_have) {
    require<NotSupported>(
        has == would_have, "writing config.json: the model has {} bias on {}, {} has {} there",
        has ? "a" : "no", what, family.hf_architecture, would_have ? "one" : "none");
  };
  check("q, k and v", config.attention_bias, read.attention_bias);
  check("the attention's output", config.output_bias, read.output_bias);
  check("the MLP's layers", config.mlp_bias, read.mlp_bias);
}

}  // namespace

std::string_view torch_name(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "float32";
    case DType::f16:
      return "float16";
    case DType::bf16:
      return "bfloat16";
    default:
      fail("{} is no type of dense tensors in a Hugging Face folder; f32, f16 and bf16 are",
           to_string(dtype));
  }
}

ModelConfig config_from_json(const Json& json, std::string_view source) {
  require<FormatError>(json.is_object(), "{} is not a JSON object", source);
  const JsonFields fields(json, source);
  const Family& family = find_family(fields);
  if (const std::string* activation = fields.text("hidden_act"))
    require<NotSupported>(*activation == "silu", "{} is {}; libquant computes silu",
                          fields.where("hidden_act"), *activation);
  ModelConfig config;
  config.family = family.name;
  config.vocabulary_size = fields.size("vocab_size");
  config.hidden_size = fields.size("hidden_size");
  config.intermediate_size = fields.size("intermediate_size");
  config.layers = fields.size("num_hidden_layers");
  read_heads(fields, family, config);
  config.max_positions = fields.size("max_position_embeddings");
  read_sliding_window(fields, family, config);
  config.rms_epsilon = fields.number_or("rms_norm_eps", 1e-6);
  config.tied_embeddings = fields.flag_or("tie_word_embeddings", false);
  read_biases(fields, family, config);
  config.qk_norm = family.qk_norm;
  config.rope = rope_from_json(json, source);
  check_config(config);
  return config;
}

Json config_to_json(const ModelConfig& config, const TokenizerSpec& tokenizer, DType dtype) {
  const Family* family = family_named(config.family);
  require(family != nullptr, "writing config.json: unknown model family {}", config.family);
  Json json;
  json.set("architectures", Json::Array{Json(family->hf_architecture)});
  json.set("model_type", family->hf_model_type);
  json.set("vocab_size", config.vocabulary_size);
  json.set("hidden_size", config.hidden_size);
  json.set("intermediate_size", config.intermediate_size);
  json.set("num_hidden_layers", config.layers);
  json.set("num_attention_heads", config.heads);
  json.set("num_key_value_heads", config.kv_heads);
  json.set("head_dim", config.head_dim);
  json.set("hidden_act", "silu");
  json.set("max_position_embeddings", config.max_positions);
  json.set("rms_norm_eps", config.rms_epsilon);
  json.set("tie_word_embeddings", config.tied_embeddings);
  write_biases(config, *family, json);
  if (family->hf_model_type == "mistral") {
    json.set("sliding_window", config.sliding_window == 0 ? Json() : Json(config.sliding_window));
  } else if (is_qwen(*family)) {
    json.set("use_sliding_window", config.sliding_window != 0);
    if (config.sliding_window != 0) {
      json.set("sliding_window", config.sliding_window);
      json.set("max_window_layers", config.first_sliding_layer);
    }
  }
  rope_to_json(config, json);
  json.set("bos_token_id", tokenizer.bos < 0 ? Json() : Json(tokenizer.bos));
  json.set("eos_token_id", tokenizer.eos < 0 ? Json() : Json(tokenizer.eos));
  json.set("pad_token_id", tokenizer.pad < 0 ? Json() : Json(tokenizer.pad));
  json.set("initializer_range", 0.02);
  json.set("use_cache", true);
  json.set("torch_dtype", torch_name(dtype));
  return json;
}

}  // namespace libquant
