#include "libquant/audit/html_report.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

#include "libquant/audit/html_page.h"
#include "libquant/core/error.h"
#include "libquant/io/text.h"

namespace libquant {
namespace {

const Json& member(const Json& object, std::string_view key, std::string_view place) {
  const Json* found = object.find(key);
  require(found != nullptr, "the HTML report needs \"{}\" in {}", key, place);
  return *found;
}

// What the page's script relies on; the rest it shows if it is there.
void check(const Json& report) {
  const Json& models = member(report, "models", "the report");
  require(models.is_array() && !models.as_array("models").empty(),
          "the HTML report needs at least one entry in \"models\"");
  for (const Json& model : models.as_array("models")) {
    require(member(model, "name", "models").is_string(), "a model's name is no text");
    const Json& gate = member(model, "gate", "models");
    require(
        member(gate, "verdict", "gate").is_string() && member(gate, "criteria", "gate").is_array(),
        "the gate's verdict is no text, or its criteria are no list");
    const Json& all = member(model, "all", "models");
    for (const char* key : {"base", "quantized", "emergence", "emergence_null", "excess_emergence",
                            "stereotype_shift", "quantized_accuracy"})
      require(member(all, key, "all").is_object(), "\"{}\" in \"all\" is no object", key);
  }
}

std::string clean_text(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return repaired_utf8(text);
  const auto continues = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xc0u) == 0x80u;
  };
  while (limit > 0 && continues(limit)) --limit;  // not in the middle of a character
  return fmt::format("{} … ({} bytes left out)", repaired_utf8(text.substr(0, limit)),
                     text.size() - limit);
}

Json clean(const Json& value, std::size_t limit) {
  if (value.is_string()) return clean_text(value.as_string("text"), limit);
  if (value.is_array()) {
    Json::Array out;
    for (const Json& part : value.as_array("list")) out.push_back(clean(part, limit));
    return out;
  }
  if (value.is_object()) {
    Json::Object out;
    for (const auto& [key, part] : value.as_object("object"))
      out.emplace_back(repaired_utf8(key), clean(part, limit));
    return out;
  }
  return value;
}

// JSON that stays JSON between script tags: in JSON these characters occur in strings only, where
// an escape means the same.
std::string script_safe(std::string_view json) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kEscapes{
      {{"<", "\\u003c"},
       {">", "\\u003e"},
       {"&", "\\u0026"},
       {"\xe2\x80\xa8", "\\u2028"},
       {"\xe2\x80\xa9", "\\u2029"}}};
  std::string out;
  out.reserve(json.size() + json.size() / 16);
  while (!json.empty()) {
    std::size_t taken = 0;
    for (const auto& [text, escape] : kEscapes) {
      if (!json.starts_with(text)) continue;
      out += escape;
      taken = text.size();
      break;
    }
    if (taken == 0) {
      out += json.front();
      taken = 1;
    }
    json.remove_prefix(taken);
  }
  return out;
}

// Every n-th of a list's entries, so that at most `most` are left; the number of those left out.
std::size_t thin(Json& model, std::string_view key, std::size_t most) {
  const Json* list = model.find(key);
  if (list == nullptr || !list->is_array()) return 0;
  const Json::Array& all = list->as_array(key);
  if (all.size() <= most) return 0;
  Json::Array kept;
  for (std::size_t i = 0; i < most; ++i) kept.push_back(all[i * all.size() / most]);
  const std::size_t left_out = all.size() - kept.size();
  model.set(key, std::move(kept));
  return left_out;
}

// The changed items come worst first: of those the first are kept.
std::size_t cut(Json& model, std::string_view key, std::size_t most) {
  const Json* list = model.find(key);
  if (list == nullptr || !list->is_array()) return 0;
  Json::Array kept = list->as_array(key);
  if (kept.size() <= most) return 0;
  const std::size_t left_out = kept.size() - most;
  kept.resize(most);
  model.set(key, std::move(kept));
  return left_out;
}

// `report` with at most so many points and changed items per model, and a sentence about it.
Json shortened(Json report, std::size_t points, std::size_t items, std::size_t page_bytes) {
  Json::Array models = report.at("models").as_array("models");
  std::size_t points_out = 0, items_out = 0;
  for (Json& model : models) {
    points_out += thin(model, "points", points);
    items_out += cut(model, "changed_items", items);
  }
  report.set("models", std::move(models));
  report.set("shortened",
             fmt::format("To keep this page below {} bytes, {} points and {} changed items were "
                         "left out of it; report.json holds all of them.",
                         page_bytes, points_out, items_out));
  return report;
}

}  // namespace

std::string audit_report_html(const Json& report, const HtmlLimits& limits) {
  check(report);
  const Json cleaned = clean(report, limits.text_bytes);
  const std::size_t frame = kPageBeforeData.size() + kPageAfterData.size();
  const auto page_if_it_fits = [&](const Json& shown) -> std::string {
    const std::string data = script_safe(shown.dump());
    if (frame > limits.page_bytes || data.size() > limits.page_bytes - frame) return {};
    return fmt::format("{}{}{}", kPageBeforeData, data, kPageAfterData);
  };
  std::string page = page_if_it_fits(cleaned);
  constexpr std::array<std::pair<std::size_t, std::size_t>, 4> kSteps{
      {{1000, 50}, {300, 20}, {100, 5}, {0, 0}}};
  for (const auto& [points, items] : kSteps) {
    if (!page.empty()) return page;
    page = page_if_it_fits(shortened(cleaned, points, items, limits.page_bytes));
  }
  require(!page.empty(),
          "the HTML report does not fit into {} bytes, even without single points and items",
          limits.page_bytes);
  return page;
}

}  // namespace libquant
