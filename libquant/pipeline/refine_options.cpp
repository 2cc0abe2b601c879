#include "libquant/pipeline/refine_options.h"

#include <cmath>
#include <utility>

#include "libquant/core/error.h"

namespace libquant {
namespace {

std::size_t count_at(const Json& json, std::string_view key) {
  const std::int64_t value = json.at(key).as_int(key);
  require<FormatError>(value >= 0, "{} is {}, expected a count", key, value);
  return static_cast<std::size_t>(value);
}

Json to_json(const std::vector<RefineReport::Losses>& list) {
  Json::Array array;
  for (const auto& entry : list)
    array.push_back(
        Json::object({{"step", entry.step}, {"text", entry.text}, {"probes", entry.probes}}));
  return array;
}

std::vector<RefineReport::Losses> losses_at(const Json& json, std::string_view key) {
  std::vector<RefineReport::Losses> list;
  for (const Json& entry : json.at(key).as_array(key))
    list.push_back({count_at(entry, "step"), entry.at("text").as_double("text"),
                    entry.at("probes").as_double("probes")});
  return list;
}

}  // namespace

void check_refine(const RefineOptions& o) {
  if (!o.enabled()) return;
  require(o.learning_rate > 0 && o.learning_rate <= 0.1,
          "refinement: learning rate {}, expected 0 < rate <= 0.1", o.learning_rate);
  require(o.probe_weight >= 0 && std::isfinite(o.probe_weight),
          "refinement: probe weight {}, expected >= 0", o.probe_weight);
  require(o.windows > 0 && o.interval > 0 && o.patience > 0,
          "refinement: windows {}, interval {}, patience {}: expected at least 1 of each",
          o.windows, o.interval, o.patience);
}

Json to_json(const RefineReport& r) {
  return Json::object({{"best_step", r.best_step},
                       {"stopped_early", r.stopped_early},
                       {"parameters", r.parameters},
                       {"items", r.items},
                       {"windows", r.windows},
                       {"select_items", r.select_items},
                       {"select_windows", r.select_windows},
                       {"seconds", r.seconds},
                       {"looks", to_json(r.looks)},
                       {"batches", to_json(r.batches)}});
}

RefineReport refine_report_from_json(const Json& json) {
  RefineReport r;
  r.best_step = count_at(json, "best_step");
  r.stopped_early = json.at("stopped_early").as_bool("stopped_early");
  r.parameters = count_at(json, "parameters");
  r.items = count_at(json, "items");
  r.windows = count_at(json, "windows");
  r.select_items = count_at(json, "select_items");
  r.select_windows = count_at(json, "select_windows");
  r.seconds = json.at("seconds").as_double("seconds");
  r.looks = losses_at(json, "looks");
  r.batches = losses_at(json, "batches");
  return r;
}

}  // namespace libquant
