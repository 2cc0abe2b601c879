#include "libquant/pipeline/quantize_report.h"

#include "libquant/core/error.h"

namespace libquant {
namespace {

std::size_t size_at(const Json& json, std::string_view key) {
  const std::int64_t value = json.at(key).as_int(key);
  require<FormatError>(value >= 0, "{} is {}, expected a count", key, value);
  return static_cast<std::size_t>(value);
}

double number_at(const Json& json, std::string_view key) { return json.at(key).as_double(key); }

std::string string_at(const Json& json, std::string_view key) {
  return json.at(key).as_string(key);
}

Json strings(const std::vector<std::string>& values) {
  Json::Array array;
  for (const auto& value : values) array.emplace_back(value);
  return array;
}

std::vector<std::string> strings_at(const Json& json, std::string_view key) {
  std::vector<std::string> values;
  for (const Json& value : json.at(key).as_array(key)) values.push_back(value.as_string(key));
  return values;
}

Json summary(const QuantizeReport& r) {
  return Json::object({{"weights", r.quantized_weights},
                       {"bits_per_weight", r.bits_per_weight},
                       {"layers", r.layers.size()},
                       {"group_fallbacks", r.group_fallbacks},
                       {"method_fallbacks", r.method_fallbacks},
                       {"max_fallback", r.max_fallback},
                       {"blocks", r.blocks},
                       {"blocks_resumed", r.blocks_resumed},
                       {"calibration_tokens", r.calibration_tokens},
                       {"calibration_tokens_available", r.calibration_tokens_available}});
}

void read_summary(const Json& json, QuantizeReport& r) {
  r.quantized_weights = size_at(json, "weights");
  r.bits_per_weight = number_at(json, "bits_per_weight");
  r.group_fallbacks = size_at(json, "group_fallbacks");
  r.method_fallbacks = size_at(json, "method_fallbacks");
  r.max_fallback = size_at(json, "max_fallback");
  r.blocks = size_at(json, "blocks");
  r.blocks_resumed = size_at(json, "blocks_resumed");
  r.calibration_tokens = size_at(json, "calibration_tokens");
  r.calibration_tokens_available = size_at(json, "calibration_tokens_available");
}

Json cost(const QuantizeReport& r) {
  return Json::object({{"expected_peak_bytes", r.expected_peak_bytes},
                       {"peak_anonymous_bytes", r.peak_anonymous_bytes},
                       {"floor_flops", r.floor_flops},
                       {"probe_flops", r.probe_flops},
                       {"floor_seconds", r.floor_seconds()},
                       {"seconds", r.seconds},
                       {"forward_seconds", r.stages.forward},
                       {"hessian_seconds", r.stages.hessian},
                       {"solve_seconds", r.stages.solve},
                       {"write_seconds", r.stages.write}});
}

void read_cost(const Json& json, QuantizeReport& r) {
  r.expected_peak_bytes = number_at(json, "expected_peak_bytes");
  r.peak_anonymous_bytes = number_at(json, "peak_anonymous_bytes");
  r.floor_flops = number_at(json, "floor_flops");
  r.probe_flops = number_at(json, "probe_flops");
  r.seconds = number_at(json, "seconds");
  r.stages = {number_at(json, "forward_seconds"), number_at(json, "hessian_seconds"),
              number_at(json, "solve_seconds"), number_at(json, "write_seconds")};
}

}  // namespace

Json to_json(const Scheme& scheme) {
  return Json::object({{"bits", scheme.bits},
                       {"group_size", scheme.group_size},
                       {"zero", to_string(scheme.zero)},
                       {"scale_type", to_string(scheme.scale_type)},
                       {"zero_min", scheme.zero_min}});
}

Scheme scheme_from_json(const Json& json) {
  Scheme scheme;
  scheme.bits = static_cast<int>(json.at("bits").as_int("bits"));
  scheme.group_size = size_at(json, "group_size");
  scheme.zero = zero_kind_from(string_at(json, "zero"));
  scheme.scale_type = scale_type_from(string_at(json, "scale_type"));
  scheme.zero_min = static_cast<int>(json.at("zero_min").as_int("zero_min"));
  return scheme;
}

Json to_json(const NamedLayerReport& layer) {
  const LayerReport& r = layer.report;
  return Json::object({{"name", layer.name},
                       {"scheme", to_json(layer.scheme)},
                       {"error", r.error},
                       {"rtn_error", r.rtn_error},
                       {"damping", r.damping},
                       {"damping_attempts", r.damping_attempts},
                       {"tokens", r.tokens},
                       {"dead_columns", r.dead_columns},
                       {"group_fallback", r.group_fallback},
                       {"fallback", r.fallback},
                       {"seconds", r.seconds}});
}

NamedLayerReport layer_report_from_json(const Json& json) {
  NamedLayerReport layer{string_at(json, "name"), scheme_from_json(json.at("scheme")), {}};
  LayerReport& r = layer.report;
  r.error = number_at(json, "error");
  r.rtn_error = number_at(json, "rtn_error");
  r.damping = number_at(json, "damping");
  r.damping_attempts = static_cast<int>(json.at("damping_attempts").as_int("damping_attempts"));
  r.tokens = size_at(json, "tokens");
  r.dead_columns = size_at(json, "dead_columns");
  r.group_fallback = json.at("group_fallback").as_bool("group_fallback");
  r.fallback = string_at(json, "fallback");
  r.seconds = number_at(json, "seconds");
  return layer;
}

Json to_json(const QuantizeReport& r) {
  Json::Array layers, files;
  for (const auto& layer : r.layers) layers.push_back(to_json(layer));
  for (const auto& file : r.files) files.emplace_back(file.generic_string());
  return Json::object({{"source", r.source},
                       {"source_type", r.source_type},
                       {"source_hash", r.source_hash},
                       {"isa", r.isa},
                       {"version", r.version},
                       {"method", r.method},
                       {"summary", summary(r)},
                       {"cost", cost(r)},
                       {"files", std::move(files)},
                       {"ignored", strings(r.ignored)},
                       {"notes", strings(r.notes)},
                       {"layers", std::move(layers)}});
}

QuantizeReport report_from_json(const Json& json) {
  QuantizeReport r;
  r.source = string_at(json, "source");
  r.source_type = string_at(json, "source_type");
  r.source_hash = string_at(json, "source_hash");
  r.isa = string_at(json, "isa");
  r.version = string_at(json, "version");
  r.method = string_at(json, "method");
  read_summary(json.at("summary"), r);
  read_cost(json.at("cost"), r);
  for (const auto& file : strings_at(json, "files")) r.files.emplace_back(file);
  r.ignored = strings_at(json, "ignored");
  r.notes = strings_at(json, "notes");
  for (const Json& layer : json.at("layers").as_array("layers"))
    r.layers.push_back(layer_report_from_json(layer));
  return r;
}

}  // namespace libquant
