#include "libquant/pipeline/fair_report.h"

#include <algorithm>
#include <charconv>

#include "libquant/core/error.h"
#include "libquant/pipeline/work_folder.h"

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

std::uint64_t hash_from(const std::string& text) {
  std::uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  require<FormatError>(result.ec == std::errc() && result.ptr == text.data() + text.size(),
                       "\"{}\" is no template hash", text);
  return value;
}

}  // namespace

std::vector<std::uint64_t> templates_behind(const std::filesystem::path& model) {
  const auto folder = std::filesystem::is_directory(model) ? model : model.parent_path();
  for (const auto& place : {folder, folder / ".."}) {
    const auto report = place / kReportFile;
    if (!std::filesystem::is_regular_file(report)) continue;
    const Json json = Json::parse_file(report);
    std::vector<std::uint64_t> templates;
    for (const char* part : {"fairness", "search"}) {
      const Json* report_part = json.find(part);
      if (report_part == nullptr) continue;
      const auto more = template_hashes_from_json(report_part->at("templates"));
      templates.insert(templates.end(), more.begin(), more.end());
    }
    std::sort(templates.begin(), templates.end());
    return templates;
  }
  return {};
}

Json template_hashes_to_json(const std::vector<std::uint64_t>& hashes) {
  Json::Array texts;
  for (const std::uint64_t hash : hashes) texts.emplace_back(fmt::format("{:016x}", hash));
  return texts;
}

std::vector<std::uint64_t> template_hashes_from_json(const Json& json) {
  std::vector<std::uint64_t> hashes;
  for (const Json& hash : json.as_array("templates"))
    hashes.push_back(hash_from(hash.as_string("templates")));
  return hashes;
}

Json to_json(const FairLayerReport& r) {
  Json::Array columns;
  for (const FairColumn& c : r.columns)
    columns.push_back(Json::object({{"column", c.column}, {"share", c.share}}));
  return Json::object({{"alpha", r.alpha},
                       {"trace_ratio", r.trace_ratio},
                       {"skipped", r.skipped},
                       {"reconstruction", r.reconstruction},
                       {"probe_error", r.probe_error},
                       {"probe_left", r.probe_left},
                       {"moved", r.moved},
                       {"columns", std::move(columns)}});
}

FairLayerReport fair_layer_report_from_json(const Json& json) {
  FairLayerReport r;
  r.alpha = number_at(json, "alpha");
  r.trace_ratio = number_at(json, "trace_ratio");
  r.skipped = json.at("skipped").as_bool("skipped");
  r.reconstruction = number_at(json, "reconstruction");
  r.probe_error = number_at(json, "probe_error");
  r.probe_left = number_at(json, "probe_left");
  r.moved = number_at(json, "moved");
  for (const Json& column : json.at("columns").as_array("columns"))
    r.columns.push_back({size_at(column, "column"), number_at(column, "share")});
  return r;
}

Json to_json(const FairReport& r) {
  Json::Array sets;
  for (const auto& set : r.sets)
    sets.push_back(Json::object({{"name", set.name},
                                 {"licence", set.licence},
                                 {"content_hash", set.content_hash},
                                 {"items", set.items},
                                 {"skipped", set.skipped}}));
  return Json::object({{"mode", r.mode},
                       {"statistic", r.statistic},
                       {"control", r.control},
                       {"strength", r.strength},
                       {"keep", r.keep},
                       {"probe_sets", std::move(sets)},
                       {"items", r.items},
                       {"distributions", r.distributions},
                       {"rows", r.rows},
                       {"pairs", r.pairs},
                       {"skipped_layers", r.skipped_layers},
                       {"statistics_seconds", r.statistics_seconds},
                       {"templates", template_hashes_to_json(r.templates)}});
}

FairReport fair_report_from_json(const Json& json) {
  FairReport r;
  r.mode = string_at(json, "mode");
  r.statistic = string_at(json, "statistic");
  r.control = string_at(json, "control");
  r.strength = number_at(json, "strength");
  r.keep = number_at(json, "keep");
  for (const Json& set : json.at("probe_sets").as_array("probe_sets"))
    r.sets.push_back({string_at(set, "name"), string_at(set, "licence"),
                      string_at(set, "content_hash"), size_at(set, "items"),
                      size_at(set, "skipped")});
  r.items = size_at(json, "items");
  r.distributions = size_at(json, "distributions");
  r.rows = size_at(json, "rows");
  r.pairs = size_at(json, "pairs");
  r.skipped_layers = size_at(json, "skipped_layers");
  r.statistics_seconds = number_at(json, "statistics_seconds");
  r.templates = template_hashes_from_json(json.at("templates"));
  return r;
}

}  // namespace libquant
