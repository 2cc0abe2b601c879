#include "libquant/checkpoint/gguf_config.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "libquant/core/error.h"
#include "libquant/core/matrix.h"
#include "libquant/model/family.h"

namespace libquant {
namespace {

using Scaling = RopeConfig::Scaling;

// GGUF holds 1e-5 as the nearest float; its shortest decimal is what config.json says.
double shortest(double value) {
  return std::strtod(fmt::format("{}", static_cast<float>(value)).c_str(), nullptr);
}

class Keys {
 public:
  Keys(const GgufFile& file, std::string architecture)
      : file_(file), architecture_(std::move(architecture)) {}

  std::string key(std::string_view name) const { return fmt::format("{}.{}", architecture_, name); }
  std::string where(std::string_view name) const {
    return fmt::format("{}: {}", file_.file().path().string(), key(name));
  }
  bool has(std::string_view name) const { return file_.metadata().find(key(name)) != nullptr; }
  std::size_t size(std::string_view name) const {
    const auto value = file_.metadata().integer(key(name));
    require<FormatError>(value.has_value(), "{} is missing", where(name));
    require<FormatError>(*value > 0 && *value < std::int64_t{1} << 31,
                         "{} is {}, expected a positive number below 2^31", where(name), *value);
    return static_cast<std::size_t>(*value);
  }
  std::size_t size_or(std::string_view name, std::size_t otherwise) const {
    return has(name) ? size(name) : otherwise;
  }
  double number(std::string_view name) const {
    const auto value = file_.metadata().number(key(name));
    require<FormatError>(value.has_value(), "{} is missing", where(name));
    require<FormatError>(std::isfinite(*value), "{} is {}, expected a finite number", where(name),
                         *value);
    return shortest(*value);
  }
  double number_or(std::string_view name, double otherwise) const {
    return has(name) ? number(name) : otherwise;
  }
  std::string text_or(std::string_view name, std::string otherwise) const {
    const std::string* value = file_.metadata().string(key(name));
    return value == nullptr ? std::move(otherwise) : *value;
  }

 private:
  const GgufFile& file_;
  std::string architecture_;
};

std::vector<double> vector_of(const GgufFile& file, std::string_view name, std::size_t size) {
  const StoredTensor* tensor = file.find(name);
  if (tensor == nullptr) return {};
  require<FormatError>(tensor->elements() == size && tensor->cols() == size,
                       "{}: tensor {} has {} values, expected {}", file.file().path().string(),
                       name, tensor->elements(), size);
  Matrix values(1, size);
  decode_rows(*tensor, 0, values);
  std::vector<double> result(values.data(), values.data() + size);
  for (const double value : result)
    require<FormatError>(std::isfinite(value) && value > 0,
                         "{}: tensor {} holds {}, expected positive numbers",
                         file.file().path().string(), name, value);
  return result;
}

double get_mscale(double factor, double mscale) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

void read_scaling(const Keys& keys, RopeConfig& rope) {
  // rope.scale_linear is the key of files before August 2023.
  const bool old = keys.has("rope.scale_linear") && !keys.has("rope.scaling.type");
  const std::string type = old ? "linear" : keys.text_or("rope.scaling.type", "none");
  if (type == "none") return;
  if (type == "linear") {
    rope.scaling = Scaling::linear;
  } else if (type == "yarn") {
    rope.scaling = Scaling::yarn;
  } else if (type == "longrope") {
    rope.scaling = Scaling::longrope;
  } else {
    fail<NotSupported>("{} is {}; libquant computes none, linear, yarn and longrope",
                       keys.where("rope.scaling.type"), type);
  }
  const char* factor = old ? "rope.scale_linear" : "rope.scaling.factor";
  rope.factor = rope.scaling == Scaling::longrope ? keys.number_or(factor, 1) : keys.number(factor);
  require<FormatError>(rope.factor > 0, "{} is {}, expected a positive number", keys.where(factor),
                       rope.factor);
  rope.original_max_positions = keys.size_or("rope.scaling.original_context_length", 0);
  const double attention = keys.number_or("rope.scaling.attn_factor", 0);
  require<FormatError>(attention >= 0, "{} is {}, expected a positive number",
                       keys.where("rope.scaling.attn_factor"), attention);
  if (rope.scaling == Scaling::yarn) {
    rope.beta_fast = keys.number_or("rope.scaling.yarn_beta_fast", 32);
    rope.beta_slow = keys.number_or("rope.scaling.yarn_beta_slow", 1);
    if (attention != 0 && attention != 1)
      rope.attention_factor = attention * get_mscale(rope.factor, 1);
  } else {
    rope.attention_factor = attention;
  }
}

RopeConfig read_rope(const GgufFile& file, const Keys& keys, const ModelConfig& config) {
  RopeConfig rope;
  rope.theta = keys.number_or("rope.freq_base", 10000);
  require<FormatError>(rope.theta > 0, "{} is {}, expected a positive number",
                       keys.where("rope.freq_base"), rope.theta);
  read_scaling(keys, rope);
  const std::size_t half = config.head_dim / 2;
  rope.frequency_factors = vector_of(file, "rope_freqs.weight", half);
  if (rope.scaling == Scaling::longrope) {
    rope.short_factors = vector_of(file, "rope_factors_short.weight", half);
    rope.long_factors = vector_of(file, "rope_factors_long.weight", half);
    require<FormatError>(!rope.short_factors.empty() && !rope.long_factors.empty(),
                         "{}: rotary scaling is longrope, but rope_factors_short.weight or "
                         "rope_factors_long.weight is missing",
                         file.file().path().string());
  }
  return rope;
}

void read_attention(const Keys& keys, ModelConfig& config) {
  config.heads = keys.size("attention.head_count");
  config.kv_heads = keys.size_or("attention.head_count_kv", config.heads);
  if (keys.has("attention.key_length")) {
    config.head_dim = keys.size("attention.key_length");
  } else {
    require<FormatError>(config.hidden_size % config.heads == 0,
                         "{} is {}, not a multiple of {} attention heads",
                         keys.where("embedding_length"), config.hidden_size, config.heads);
    config.head_dim = config.hidden_size / config.heads;
  }
  const std::size_t value = keys.size_or("attention.value_length", config.head_dim);
  require<NotSupported>(value == config.head_dim,
                        "{} is {}, keys have {}: libquant needs equal "
                        "lengths",
                        keys.where("attention.value_length"), value, config.head_dim);
  const std::size_t rotated = keys.size_or("rope.dimension_count", config.head_dim);
  require<NotSupported>(rotated == config.head_dim,
                        "{} is {}, heads have {}: libquant rotates whole heads",
                        keys.where("rope.dimension_count"), rotated, config.head_dim);
}

const Family& find_family(const GgufFile& file) {
  const std::string* name = file.metadata().string("general.architecture");
  const std::string path = file.file().path().string();
  require<FormatError>(name != nullptr, "{}: general.architecture is missing", path);
  if (const Family* family = family_of_gguf_architecture(*name)) return *family;
  std::string known;
  for (const Family* family : families()) {
    const std::string item(family->gguf_architecture);
    if (known.find(item) == std::string::npos) known += (known.empty() ? "" : ", ") + item;
  }
  fail<NotSupported>("{}: general.architecture is {}; libquant reads {}", path, *name, known);
}

std::size_t read_vocabulary(const GgufFile& file) {
  const StoredTensor* embeddings = file.find("token_embd.weight");
  require<FormatError>(embeddings != nullptr, "{}: missing tensor token_embd.weight",
                       file.file().path().string());
  return embeddings->rows();
}

// llama.cpp multiplies cosines and sines of yarn by the derived factor and by this one.
double yarn_attention(const RopeConfig& rope, double factor) {
  double wanted = rope.attention_factor;
  if (wanted == 0 && rope.mscale != 0 && rope.mscale_all_dim != 0)
    wanted = get_mscale(factor, rope.mscale) / get_mscale(factor, rope.mscale_all_dim);
  return wanted == 0 ? 1 : wanted / get_mscale(factor, 1);
}

double longrope_attention(const RopeConfig& rope, double factor, double original) {
  if (rope.attention_factor != 0) return rope.attention_factor;
  return factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(original));
}

void write_scaling(const ModelConfig& config, const std::string& prefix, GgufMetadata& metadata) {
  const RopeConfig& rope = config.rope;
  const auto number = [&](const char* name, double value) {
    metadata.set(prefix + name, GgufValue::f32(static_cast<float>(value)));
  };
  const std::size_t original =
      rope.original_max_positions == 0 ? config.max_positions : rope.original_max_positions;
  const double factor =
      rope.factor != 0 ? rope.factor
                       : static_cast<double>(config.max_positions) / static_cast<double>(original);
  number("rope.scaling.factor", factor);
  metadata.set(prefix + "rope.scaling.original_context_length",
               GgufValue::u32(static_cast<std::uint32_t>(original)));
  if (rope.scaling == Scaling::linear) {
    metadata.set(prefix + "rope.scaling.type", GgufValue::string("linear"));
  } else if (rope.scaling == Scaling::longrope) {
    metadata.set(prefix + "rope.scaling.type", GgufValue::string("longrope"));
    number("rope.scaling.attn_factor",
           longrope_attention(rope, factor, static_cast<double>(original)));
  } else {
    require<NotSupported>(rope.truncate, "writing GGUF: it has no yarn without truncation");
    metadata.set(prefix + "rope.scaling.type", GgufValue::string("yarn"));
    number("rope.scaling.attn_factor", yarn_attention(rope, factor));
    if (rope.beta_fast != 32) number("rope.scaling.yarn_beta_fast", rope.beta_fast);
    if (rope.beta_slow != 1) number("rope.scaling.yarn_beta_slow", rope.beta_slow);
  }
}

void write_rope(const ModelConfig& config, const std::string& prefix, GgufMetadata& metadata) {
  metadata.set(prefix + "rope.dimension_count",
               GgufValue::u32(static_cast<std::uint32_t>(config.head_dim)));
  metadata.set(prefix + "rope.freq_base", GgufValue::f32(static_cast<float>(config.rope.theta)));
  const Scaling scaling = config.rope.scaling;
  require<NotSupported>(scaling != Scaling::dynamic,
                        "writing GGUF: it has no dynamic rotary scaling; a Hugging Face folder "
                        "keeps it");
  // llama3's is in rope_freqs.weight.
  if (scaling != Scaling::none && scaling != Scaling::llama3)
    write_scaling(config, prefix, metadata);
}

}  // namespace

ModelConfig config_from_gguf(const GgufFile& file) {
  const Family& family = find_family(file);
  const Keys keys(file, std::string(family.gguf_architecture));
  ModelConfig config;
  config.family = family.name;
  config.vocabulary_size = read_vocabulary(file);
  config.hidden_size = keys.size("embedding_length");
  config.intermediate_size = keys.size("feed_forward_length");
  config.layers = keys.size("block_count");
  read_attention(keys, config);
  config.max_positions = keys.size("context_length");
  const auto window = file.metadata().integer(keys.key("attention.sliding_window"));
  config.sliding_window =
      window.value_or(0) == 0 ? std::size_t{0} : keys.size("attention.sliding_window");
  config.rms_epsilon = keys.number("attention.layer_norm_rms_epsilon");
  config.tied_embeddings = file.find("output.weight") == nullptr;
  config.attention_bias = file.find("blk.0.attn_q.bias") != nullptr;
  config.output_bias = file.find("blk.0.attn_output.bias") != nullptr;
  config.mlp_bias = file.find("blk.0.ffn_up.bias") != nullptr;
  config.qk_norm = family.qk_norm;
  config.rope = read_rope(file, keys, config);
  check_config(config);
  return config;
}

void config_to_gguf(const ModelConfig& config, GgufMetadata& metadata) {
  const Family* family = family_named(config.family);
  require(family != nullptr, "writing GGUF: unknown model family {}", config.family);
  metadata.set("general.architecture", GgufValue::string(std::string(family->gguf_architecture)));
  const std::string prefix = std::string(family->gguf_architecture) + ".";
  const auto size = [&](const char* name, std::size_t value) {
    metadata.set(prefix + name, GgufValue::u32(static_cast<std::uint32_t>(value)));
  };
  size("block_count", config.layers);
  size("context_length", config.max_positions);
  size("embedding_length", config.hidden_size);
  size("feed_forward_length", config.intermediate_size);
  size("attention.head_count", config.heads);
  size("attention.head_count_kv", config.kv_heads);
  size("attention.key_length", config.head_dim);
  size("attention.value_length", config.head_dim);
  require<NotSupported>(config.sliding_window == 0 || config.first_sliding_layer == 0,
                        "writing GGUF: it has no window for some layers only");
  if (config.sliding_window != 0) size("attention.sliding_window", config.sliding_window);
  metadata.set(prefix + "attention.layer_norm_rms_epsilon",
               GgufValue::f32(static_cast<float>(config.rms_epsilon)));
  size("vocab_size", config.vocabulary_size);
  write_rope(config, prefix, metadata);
}

}  // namespace libquant
