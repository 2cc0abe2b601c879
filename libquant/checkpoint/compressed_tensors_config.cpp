#include "libquant/checkpoint/compressed_tensors_config.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "libquant/checkpoint/json_fields.h"
#include "libquant/core/error.h"

namespace libquant {
namespace {

constexpr std::string_view kFormat = "pack-quantized";
constexpr std::string_view kLinear = "Linear";

void require_format(std::string_view format, const std::string& where) {
  require<NotSupported>(format == kFormat, "{} is {}; libquant reads {}", where, format, kFormat);
}

std::size_t group_of_strategy(const JsonFields& weights) {
  const Json* size = weights.find("group_size");
  const std::int64_t group = size == nullptr ? -1 : size->as_int(weights.where("group_size"));
  const std::string* named = weights.text("strategy");
  const std::string strategy =
      named != nullptr ? *named : (size == nullptr ? "tensor" : (group > 0 ? "group" : "channel"));
  if (strategy == "channel") return 0;
  require<NotSupported>(strategy == "group", "{} is {}; libquant reads group and channel",
                        weights.where("strategy"), strategy);
  require<FormatError>(group > 0 && group < std::int64_t{1} << 31,
                       "{} is {}, expected a positive number", weights.where("group_size"), group);
  return static_cast<std::size_t>(group);
}

Scheme parse_weights(const Json& json, const std::string& where) {
  const JsonFields weights(json, where);
  json.as_object(where);
  Scheme scheme;
  scheme.bits = static_cast<int>(std::min<std::size_t>(weights.size("num_bits"), 64));
  if (const std::string* type = weights.text("type"))
    require<NotSupported>(*type == "int", "{} is {}; libquant reads int", weights.where("type"),
                          *type);
  if (const Json* dynamic = weights.find("dynamic"))
    require<NotSupported>(*dynamic == Json(false), "{} is not false", weights.where("dynamic"));
  scheme.group_size = group_of_strategy(weights);
  scheme.zero = weights.flag_or("symmetric", true) ? ZeroKind::symmetric : ZeroKind::asymmetric;
  return scheme;
}

}  // namespace

bool CompressedTensorsConfig::Target::matches(std::string_view module) const {
  if (pattern.has_value()) return pattern->matches(module);
  return text == module || text == kLinear;
}

CompressedTensorsConfig::Target CompressedTensorsConfig::make_target(const Json& json,
                                                                     const std::string& where) {
  Target target;
  target.text = json.as_string(where);
  if (target.text.rfind("re:", 0) == 0) target.pattern.emplace(target.text.substr(3), where);
  return target;
}

void CompressedTensorsConfig::add_group(const Json& json, std::string_view format,
                                        const std::string& where) {
  const JsonFields group(json, where);
  json.as_object(where);
  const std::string* own = group.text("format");
  require_format(own != nullptr ? std::string_view(*own) : format, group.where("format"));
  for (const char* activations : {"input_activations", "output_activations"})
    require<NotSupported>(group.find(activations) == nullptr,
                          "{}: quantized activations; libquant reads weight-only folders",
                          group.where(activations));
  const Json* weights = group.find("weights");
  const std::string weights_at = group.where("weights");
  schemes_.push_back(weights == nullptr ? std::optional<Scheme>()
                                        : parse_weights(*weights, weights_at));
  const Json* targets = group.find("targets");
  require<FormatError>(targets != nullptr, "{} is missing", group.where("targets"));
  for (const Json& item : targets->as_array(group.where("targets"))) {
    Target target = make_target(item, group.where("targets"));
    target.group = schemes_.size() - 1;
    targets_.push_back(std::move(target));
  }
}

CompressedTensorsConfig::CompressedTensorsConfig(const Json& json, std::string_view source) {
  const JsonFields fields(json, source);
  const std::string* format = fields.text("format");
  const std::string top(format == nullptr ? kFormat : std::string_view(*format));
  if (top != "mixed-precision") require_format(top, fields.where("format"));
  require<NotSupported>(fields.find("kv_cache_scheme") == nullptr,
                        "{}: a quantized KV cache; libquant reads weight-only folders",
                        fields.where("kv_cache_scheme"));
  const Json* groups = fields.find("config_groups");
  require<FormatError>(groups != nullptr, "{} is missing", fields.where("config_groups"));
  for (const auto& [name, group] : groups->as_object(fields.where("config_groups")))
    add_group(group, top, fields.where("config_groups." + name));
  const auto rank = [](const Target& target) {
    return std::tuple(target.text == kLinear, target.pattern.has_value(), target.text);
  };
  std::stable_sort(targets_.begin(), targets_.end(),
                   [&](const Target& a, const Target& b) { return rank(a) < rank(b); });
  if (const Json* ignore = fields.find("ignore"))
    for (const Json& item : ignore->as_array(fields.where("ignore")))
      ignore_.push_back(make_target(item, fields.where("ignore")));
}

std::optional<Scheme> CompressedTensorsConfig::scheme_of(std::string_view module) const {
  const auto matching = [&](const Target& target) { return target.matches(module); };
  if (std::any_of(ignore_.begin(), ignore_.end(), matching)) return std::nullopt;
  const auto found = std::find_if(targets_.begin(), targets_.end(), matching);
  return found == targets_.end() ? std::nullopt : schemes_[found->group];
}

}  // namespace libquant
