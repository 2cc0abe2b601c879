#include <set>

#include "libquant/core/error.h"
#include "libquant/pipeline/bit_plan.h"

namespace libquant {
namespace {

std::uint64_t count_at(const Json& json, std::string_view key) {
  const std::int64_t value = json.at(key).as_int(key);
  require<FormatError>(value >= 0, "{} is {}, expected a count", key, value);
  return static_cast<std::uint64_t>(value);
}

int bits_at(const Json& json) {
  const std::int64_t bits = json.at("bits").as_int("bits");
  require<FormatError>(bits > 0 && bits <= 8, "bits are {}, expected 1 to 8", bits);
  return static_cast<int>(bits);
}

Json to_json(const BitGroup& group) {
  Json::Array layers, choices;
  for (const auto& layer : group.layers) layers.emplace_back(layer);
  for (const BitChoice& c : group.choices)
    choices.push_back(Json::object({{"bits", c.bits},
                                    {"bytes", static_cast<std::int64_t>(c.bytes)},
                                    {"predicted_loss", c.loss}}));
  return Json::object({{"layers", std::move(layers)},
                       {"bits", group.choices[group.chosen].bits},
                       {"choices", std::move(choices)}});
}

BitGroup group_from(const Json& json) {
  BitGroup group;
  for (const Json& layer : json.at("layers").as_array("layers"))
    group.layers.push_back(layer.as_string("layers"));
  for (const Json& c : json.at("choices").as_array("choices"))
    group.choices.push_back(
        {bits_at(c), count_at(c, "bytes"), c.at("predicted_loss").as_double("predicted_loss")});
  const int bits = bits_at(json);
  while (group.chosen < group.choices.size() && group.choices[group.chosen].bits != bits)
    ++group.chosen;
  require<FormatError>(group.chosen < group.choices.size(), "{} bits are not among the choices",
                       bits);
  return group;
}

}  // namespace

Json to_json(const BitPlan& plan) {
  Json::Array groups;
  for (const BitGroup& group : plan.groups) groups.push_back(to_json(group));
  return Json::object({{"budget", plan.budget},
                       {"bits_per_weight", plan.bits_per_weight()},
                       {"format", plan.format},
                       {"weights", static_cast<std::int64_t>(plan.weights)},
                       {"bytes", static_cast<std::int64_t>(plan.bytes())},
                       {"predicted_loss", plan.predicted_loss()},
                       {"fallbacks", plan.fallbacks},
                       {"groups", std::move(groups)}});
}

BitPlan bit_plan_from_json(const Json& json) {
  BitPlan plan;
  plan.budget = json.at("budget").as_double("budget");
  plan.format = json.at("format").as_string("format");
  plan.weights = count_at(json, "weights");
  plan.fallbacks = count_at(json, "fallbacks");
  std::set<std::string> names;
  for (const Json& entry : json.at("groups").as_array("groups")) {
    plan.groups.push_back(group_from(entry));
    for (const auto& layer : plan.groups.back().layers)
      require<FormatError>(names.insert(layer).second, "layer {} is planned twice", layer);
  }
  return plan;
}

}  // namespace libquant
