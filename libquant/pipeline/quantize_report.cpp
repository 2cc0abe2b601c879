#include "libquant/pipeline/quantize_report.h"

#include <array>
#include <utility>

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

/// The report's plain numbers and the keys they have in JSON.
using Count = std::pair<const char*, std::size_t QuantizeReport::*>;
constexpr std::array kCounts{
    Count{"quantized_weights", &QuantizeReport::quantized_weights},
    Count{"group_fallbacks", &QuantizeReport::group_fallbacks},
    Count{"method_fallbacks", &QuantizeReport::method_fallbacks},
    Count{"max_fallback", &QuantizeReport::max_fallback},
    Count{"blocks", &QuantizeReport::blocks},
    Count{"blocks_resumed", &QuantizeReport::blocks_resumed},
    Count{"calibration_tokens", &QuantizeReport::calibration_tokens},
    Count{"calibration_tokens_available", &QuantizeReport::calibration_tokens_available},
    Count{"source_bytes", &QuantizeReport::source_bytes},
    Count{"quantized_bytes", &QuantizeReport::quantized_bytes}};
using Number = std::pair<const char*, double QuantizeReport::*>;
constexpr std::array kNumbers{Number{"bits_per_weight", &QuantizeReport::bits_per_weight},
                              Number{"expected_peak_bytes", &QuantizeReport::expected_peak_bytes},
                              Number{"peak_anonymous_bytes", &QuantizeReport::peak_anonymous_bytes},
                              Number{"floor_flops", &QuantizeReport::floor_flops},
                              Number{"probe_flops", &QuantizeReport::probe_flops},
                              Number{"seconds", &QuantizeReport::seconds},
                              Number{"forward_seconds", &QuantizeReport::forward_seconds},
                              Number{"hessian_seconds", &QuantizeReport::hessian_seconds},
                              Number{"solve_seconds", &QuantizeReport::solve_seconds},
                              Number{"write_seconds", &QuantizeReport::write_seconds}};
using Text = std::pair<const char*, std::string QuantizeReport::*>;
constexpr std::array kTexts{Text{"source", &QuantizeReport::source},
                            Text{"source_type", &QuantizeReport::source_type},
                            Text{"source_hash", &QuantizeReport::source_hash},
                            Text{"isa", &QuantizeReport::isa},
                            Text{"version", &QuantizeReport::version},
                            Text{"method", &QuantizeReport::method}};

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
  Json json = Json::object({{"name", layer.name},
                            {"scheme", to_json(layer.scheme)},
                            {"error", r.error},
                            {"rtn_error", r.rtn_error},
                            {"damping", r.damping},
                            {"damping_attempts", r.damping_attempts},
                            {"tokens", r.tokens},
                            {"dead_columns", r.dead_columns},
                            {"group_fallback", r.group_fallback},
                            {"fallback", r.fallback},
                            {"refitted_rows", r.refitted_rows},
                            {"seconds", r.seconds}});
  if (layer.fairness) json.set("fairness", to_json(*layer.fairness));
  return json;
}

NamedLayerReport layer_report_from_json(const Json& json) {
  NamedLayerReport layer{string_at(json, "name"), scheme_from_json(json.at("scheme")), {}, {}};
  LayerReport& r = layer.report;
  r.error = number_at(json, "error");
  r.rtn_error = number_at(json, "rtn_error");
  r.damping = number_at(json, "damping");
  r.damping_attempts = static_cast<int>(json.at("damping_attempts").as_int("damping_attempts"));
  r.tokens = size_at(json, "tokens");
  r.dead_columns = size_at(json, "dead_columns");
  r.group_fallback = json.at("group_fallback").as_bool("group_fallback");
  r.fallback = string_at(json, "fallback");
  r.refitted_rows = size_at(json, "refitted_rows");
  r.seconds = number_at(json, "seconds");
  if (const Json* fairness = json.find("fairness"))
    layer.fairness = fair_layer_report_from_json(*fairness);
  return layer;
}

Json to_json(const QuantizeReport& r) {
  Json::Array layers, files;
  for (const auto& layer : r.layers) layers.push_back(to_json(layer));
  for (const auto& file : r.files) files.emplace_back(file.generic_string());
  Json json = Json::object({});
  for (const auto& [key, member] : kTexts) json.set(key, r.*member);
  for (const auto& [key, member] : kCounts) json.set(key, r.*member);
  for (const auto& [key, member] : kNumbers) json.set(key, r.*member);
  json.set("floor_seconds", r.floor_seconds());
  json.set("files", std::move(files));
  json.set("ignored", strings(r.ignored));
  json.set("notes", strings(r.notes));
  if (r.fairness) json.set("fairness", to_json(*r.fairness));
  if (r.bit_plan) json.set("bit_plan", to_json(*r.bit_plan));
  if (r.search) json.set("search", to_json(*r.search));
  if (r.refinement) json.set("refinement", to_json(*r.refinement));
  json.set("layers", std::move(layers));
  return json;
}

std::vector<std::filesystem::path> files_of_report(const Json& json) {
  const std::vector<std::string> files = strings_at(json, "files");
  return {files.begin(), files.end()};
}

QuantizeReport report_from_json(const Json& json) {
  QuantizeReport r;
  for (const auto& [key, member] : kTexts) r.*member = string_at(json, key);
  for (const auto& [key, member] : kCounts) r.*member = size_at(json, key);
  for (const auto& [key, member] : kNumbers) r.*member = number_at(json, key);
  r.files = files_of_report(json);
  r.ignored = strings_at(json, "ignored");
  r.notes = strings_at(json, "notes");
  if (const Json* fairness = json.find("fairness")) r.fairness = fair_report_from_json(*fairness);
  if (const Json* bits = json.find("bit_plan")) r.bit_plan = bit_plan_from_json(*bits);
  if (const Json* search = json.find("search")) r.search = search_report_from_json(*search);
  if (const Json* refinement = json.find("refinement"))
    r.refinement = refine_report_from_json(*refinement);
  for (const Json& layer : json.at("layers").as_array("layers"))
    r.layers.push_back(layer_report_from_json(layer));
  return r;
}

}  // namespace libquant
