#include <cmath>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "libquant/checkpoint/hf_config.h"
#include "libquant/checkpoint/json_fields.h"
#include "libquant/checkpoint/rope_factors.h"
#include "libquant/core/error.h"

namespace libquant {
namespace {

using Scaling = RopeConfig::Scaling;

constexpr std::pair<std::string_view, Scaling> kScalings[] = {
    {"default", Scaling::none},  {"linear", Scaling::linear}, {"dynamic", Scaling::dynamic},
    {"llama3", Scaling::llama3}, {"yarn", Scaling::yarn},     {"longrope", Scaling::longrope},
    {"su", Scaling::longrope},  // the name before transformers 4.43
};

Scaling scaling_of(const JsonFields& rope) {
  const std::string* name = rope.text("rope_type");
  if (name == nullptr) name = rope.text("type");
  if (name == nullptr) return Scaling::none;
  for (const auto& [known, scaling] : kScalings)
    if (*name == known) return scaling;
  fail<NotSupported>(
      "{} is {}; libquant computes default, linear, dynamic, llama3, yarn and longrope",
      rope.where("rope_type"), *name);
}

std::vector<double> factors(const JsonFields& rope, std::string_view key) {
  const Json* list = rope.find(key);
  require<FormatError>(list != nullptr, "{} is missing", rope.where(key));
  std::vector<double> values;
  for (const Json& value : list->as_array(rope.where(key))) {
    values.push_back(value.as_double(rope.where(key)));
    require<FormatError>(std::isfinite(values.back()) && values.back() > 0,
                         "{} holds {}, expected positive numbers", rope.where(key), values.back());
  }
  return values;
}

void read_yarn(const JsonFields& rope, RopeConfig& config) {
  // transformers takes 0 for "not given" here.
  if (const double fast = rope.number_or("beta_fast", 0); fast != 0) config.beta_fast = fast;
  if (const double slow = rope.number_or("beta_slow", 0); slow != 0) config.beta_slow = slow;
  config.mscale = rope.number_or("mscale", 0);
  config.mscale_all_dim = rope.number_or("mscale_all_dim", 0);
  config.truncate = rope.flag_or("truncate", true);
}

void read_llama3(const JsonFields& rope, RopeConfig& config) {
  config.low_frequency_factor = rope.number("low_freq_factor");
  config.high_frequency_factor = rope.number("high_freq_factor");
  require<FormatError>(
      0 < config.low_frequency_factor && config.low_frequency_factor < config.high_frequency_factor,
      "{} is {} and high_freq_factor {}: expected 0 < low < high", rope.where("low_freq_factor"),
      config.low_frequency_factor, config.high_frequency_factor);
}

void read_scaling(const JsonFields& top, const JsonFields& rope, RopeConfig& config) {
  if (config.scaling != Scaling::linear && config.scaling != Scaling::dynamic)
    config.original_max_positions = top.size_or(
        "original_max_position_embeddings", rope.size_or("original_max_position_embeddings", 0));
  const bool may_derive = config.scaling == Scaling::yarn || config.scaling == Scaling::longrope;
  config.factor = may_derive ? rope.number_or("factor", 0) : rope.number("factor");
  require<FormatError>(config.factor > 0 || (may_derive && rope.find("factor") == nullptr),
                       "{} is {}, expected a positive number", rope.where("factor"), config.factor);
  config.attention_factor = rope.number_or("attention_factor", 0);
  require<FormatError>(config.attention_factor >= 0, "{} is {}, expected a positive number",
                       rope.where("attention_factor"), config.attention_factor);
  if (config.scaling == Scaling::llama3) read_llama3(rope, config);
  if (config.scaling == Scaling::yarn) read_yarn(rope, config);
  if (config.scaling == Scaling::longrope) {
    config.short_factors = factors(rope, "short_factor");
    config.long_factors = factors(rope, "long_factor");
  }
}

Json list_of(const std::vector<double>& values) {
  Json::Array array;
  for (const double value : values) array.emplace_back(value);
  return Json(std::move(array));
}

Json scaling_to_json(const RopeConfig& config) {
  Json rope;
  for (const auto& [name, scaling] : kScalings)
    if (scaling == config.scaling && name != "su") rope.set("rope_type", name);
  const auto optional = [&rope](const char* key, double value, double unset) {
    if (value != unset) rope.set(key, value);
  };
  optional("factor", config.factor, 0);
  if (config.original_max_positions != 0)
    rope.set("original_max_position_embeddings", config.original_max_positions);
  optional("attention_factor", config.attention_factor, 0);
  if (config.scaling == Scaling::llama3) {
    rope.set("low_freq_factor", config.low_frequency_factor);
    rope.set("high_freq_factor", config.high_frequency_factor);
  } else if (config.scaling == Scaling::yarn) {
    rope.set("beta_fast", config.beta_fast);
    rope.set("beta_slow", config.beta_slow);
    optional("mscale", config.mscale, 0);
    optional("mscale_all_dim", config.mscale_all_dim, 0);
    if (!config.truncate) rope.set("truncate", false);
  } else if (config.scaling == Scaling::longrope) {
    rope.set("short_factor", list_of(config.short_factors));
    rope.set("long_factor", list_of(config.long_factors));
  }
  return rope;
}

}  // namespace

RopeConfig rope_from_json(const Json& json, std::string_view source) {
  const JsonFields top(json, source);
  const Json* parameters = top.find("rope_scaling");
  std::string where = std::string(source) + ": rope_scaling";
  if (parameters == nullptr || parameters->as_object(where).empty()) {
    parameters = top.find("rope_parameters");
    where = std::string(source) + ": rope_parameters";
  }
  const Json none(Json::Object{});
  if (parameters != nullptr) parameters->as_object(where);
  const JsonFields rope(parameters == nullptr ? none : *parameters, where);

  RopeConfig config;
  config.theta = rope.number_or("rope_theta", top.number_or("rope_theta", 10000));
  require<FormatError>(config.theta > 0, "{} is {}, expected a positive number",
                       top.where("rope_theta"), config.theta);
  const double part =
      rope.number_or("partial_rotary_factor", top.number_or("partial_rotary_factor", 1));
  require<NotSupported>(part == 1, "{} is {}; libquant rotates whole heads",
                        rope.where("partial_rotary_factor"), part);
  for (const char* layer_type : {"full_attention", "sliding_attention"})
    require<NotSupported>(rope.find(layer_type) == nullptr,
                          "{}: rotary embeddings that differ between layers", where);
  config.scaling = scaling_of(rope);
  if (config.scaling != Scaling::none) read_scaling(top, rope, config);
  return config;
}

void rope_to_json(const ModelConfig& model, Json& json) {
  const RopeConfig config =
      model.rope.frequency_factors.empty() ? model.rope : llama3_from_factors(model);
  json.set("rope_theta", config.theta);
  json.set("rope_scaling", config.scaling == Scaling::none ? Json() : scaling_to_json(config));
}

}  // namespace libquant
