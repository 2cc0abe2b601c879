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

double get_mscale(double factor, double mscale) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

void read_yarn(const JsonFields& rope, RopeConfig& config) {
  require<NotSupported>(rope.flag_or("truncate", true),
                        "{} is false; libquant computes yarn with "
                        "truncated correction ranges",
                        rope.where("truncate"));
  // transformers takes 0 for "not set" here.
  if (const double fast = rope.number_or("beta_fast", 0); fast != 0) config.beta_fast = fast;
  if (const double slow = rope.number_or("beta_slow", 0); slow != 0) config.beta_slow = slow;
  const double mscale = rope.number_or("mscale", 0);
  const double all_dim = rope.number_or("mscale_all_dim", 0);
  if (config.attention_factor == 0 && mscale != 0 && all_dim != 0)
    config.attention_factor =
        get_mscale(config.factor, mscale) / get_mscale(config.factor, all_dim);
}

void read_factor(const JsonFields& rope, std::size_t max_positions, RopeConfig& config) {
  const bool derived = config.scaling == Scaling::yarn || config.scaling == Scaling::longrope;
  config.factor =
      derived ? rope.number_or("factor", static_cast<double>(max_positions) /
                                             static_cast<double>(config.original_max_positions))
              : rope.number("factor");
  require<FormatError>(config.factor > 0, "{} is {}, expected a positive number",
                       rope.where("factor"), config.factor);
}

}  // namespace

RopeConfig rope_from_json(const Json& json, std::size_t max_positions, std::string_view source) {
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
  if (config.scaling == Scaling::none) return config;

  const std::size_t inner = rope.size_or("original_max_position_embeddings", max_positions);
  config.original_max_positions = config.scaling == Scaling::dynamic
                                      ? max_positions
                                      : top.size_or("original_max_position_embeddings", inner);
  read_factor(rope, max_positions, config);
  config.attention_factor = rope.number_or("attention_factor", 0);
  require<FormatError>(config.attention_factor >= 0, "{} is {}, expected a positive number",
                       rope.where("attention_factor"), config.attention_factor);
  if (config.scaling == Scaling::llama3) {
    config.low_frequency_factor = rope.number("low_freq_factor");
    config.high_frequency_factor = rope.number("high_freq_factor");
    require<FormatError>(0 < config.low_frequency_factor &&
                             config.low_frequency_factor < config.high_frequency_factor,
                         "{} {} and high_freq_factor {}: expected 0 < low < high",
                         rope.where("low_freq_factor"), config.low_frequency_factor,
                         config.high_frequency_factor);
  } else if (config.scaling == Scaling::yarn) {
    read_yarn(rope, config);
  } else if (config.scaling == Scaling::longrope) {
    config.short_factors = factors(rope, "short_factor");
    config.long_factors = factors(rope, "long_factor");
  }
  return config;
}

void rope_to_json(const ModelConfig& model, Json& json) {
  const RopeConfig config =
      model.rope.frequency_factors.empty() ? model.rope : llama3_from_factors(model);
  json.set("rope_theta", config.theta);
  if (config.scaling == Scaling::none) {
    json.set("rope_scaling", Json());
    return;
  }
  Json rope;
  for (const auto& [name, scaling] : kScalings)
    if (scaling == config.scaling && name != "su") rope.set("rope_type", name);
  rope.set("factor", config.factor);
  if (config.scaling != Scaling::linear && config.scaling != Scaling::dynamic)
    rope.set("original_max_position_embeddings", config.original_max_positions);
  if (config.scaling == Scaling::llama3) {
    rope.set("low_freq_factor", config.low_frequency_factor);
    rope.set("high_freq_factor", config.high_frequency_factor);
  }
  if (config.scaling == Scaling::yarn) {
    rope.set("beta_fast", config.beta_fast);
    rope.set("beta_slow", config.beta_slow);
  }
  if (config.attention_factor != 0) rope.set("attention_factor", config.attention_factor);
  const auto list = [](const std::vector<double>& values) {
    Json::Array array;
    for (const double value : values) array.emplace_back(value);
    return Json(std::move(array));
  };
  if (config.scaling == Scaling::longrope) {
    rope.set("short_factor", list(config.short_factors));
    rope.set("long_factor", list(config.long_factors));
  }
  json.set("rope_scaling", std::move(rope));
}

}  // namespace libquant
