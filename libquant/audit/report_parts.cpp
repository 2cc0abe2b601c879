#include "libquant/audit/report_parts.h"

#include <array>
#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace libquant {
namespace {

struct EstimateField {
  std::string_view name;
  Estimate SliceMetrics::*member;
};
constexpr std::array<EstimateField, 24> kEstimates{{
    {"emergence", &SliceMetrics::emergence},
    {"emergence_null", &SliceMetrics::emergence_null},
    {"excess_emergence", &SliceMetrics::excess_emergence},
    {"coupled_emergence", &SliceMetrics::coupled_emergence},
    {"greedy_emergence", &SliceMetrics::greedy_emergence},
    {"recovered", &SliceMetrics::recovered},
    {"silence_loss", &SliceMetrics::silence_loss},
    {"flips", &SliceMetrics::flips},
    {"all_flips", &SliceMetrics::all_flips},
    {"kl_divergence", &SliceMetrics::kl_divergence},
    {"js_distance", &SliceMetrics::js_distance},
    {"stereotype_shift", &SliceMetrics::stereotype_shift},
    {"unknown_shift", &SliceMetrics::unknown_shift},
    {"stereotype_change", &SliceMetrics::stereotype_change},
    {"unknown_change", &SliceMetrics::unknown_change},
    {"base_entropy", &SliceMetrics::base_entropy},
    {"quantized_entropy", &SliceMetrics::quantized_entropy},
    {"entropy_change", &SliceMetrics::entropy_change},
    {"base_confidence", &SliceMetrics::base_confidence},
    {"quantized_confidence", &SliceMetrics::quantized_confidence},
    {"log_likelihood_change", &SliceMetrics::log_likelihood_change},
    {"base_accuracy", &SliceMetrics::base_accuracy},
    {"quantized_accuracy", &SliceMetrics::quantized_accuracy},
    {"accuracy_change", &SliceMetrics::accuracy_change},
}};

struct NumberField {
  std::string_view name;
  double SliceMetrics::*member;
};
constexpr std::array<NumberField, 9> kNumbers{{
    {"accuracy_p", &SliceMetrics::accuracy_p},
    {"accuracy_p_holm", &SliceMetrics::accuracy_p_holm},
    {"stereotype_p", &SliceMetrics::stereotype_p},
    {"stereotype_p_holm", &SliceMetrics::stereotype_p_holm},
    {"stereotype_effect", &SliceMetrics::stereotype_effect},
    {"base_calibration_error", &SliceMetrics::base_calibration_error},
    {"quantized_calibration_error", &SliceMetrics::quantized_calibration_error},
    {"base_adaptive_calibration_error", &SliceMetrics::base_adaptive_calibration_error},
    {"quantized_adaptive_calibration_error", &SliceMetrics::quantized_adaptive_calibration_error},
}};

Json to_json(const ChoiceShares& shares) {
  return Json::object({{"stereotype", to_json(shares.stereotype)},
                       {"anti", to_json(shares.anti)},
                       {"unknown", to_json(shares.unknown)}});
}

using Items = std::vector<const ItemComparison*>;

template <typename Scores, typename Describe>
Json both_sides(const Items& items, Scores&& scores, Describe&& describe) {
  return Json::object({{"base", describe(scores(items, Side::base))},
                       {"quantized", describe(scores(items, Side::quantized))}});
}

Json bbq_json(const Items& items) {
  std::map<std::string, Items> categories;
  for (const ItemComparison* item : items)
    if (item->item->set == "bbq") categories[item->item->category].push_back(item);
  Json list(Json::Array{});
  for (const auto& [category, members] : categories) {
    Json entry = both_sides(members, bbq_scores, [](const BbqScores& s) {
      return Json::object({{"ambiguous", number_or_null(s.ambiguous)},
                           {"disambiguated", number_or_null(s.disambiguated)},
                           {"ambiguous_items", s.ambiguous_items},
                           {"disambiguated_items", s.disambiguated_items}});
    });
    entry.set("category", category);
    list.push_back(std::move(entry));
  }
  return list;
}

Json winobias_json(const Items& items) {
  const WinoBiasScores before = winobias_scores(items, Side::base);
  if (before.pro_items == 0 || before.anti_items == 0) return {};
  return both_sides(items, winobias_scores, [](const WinoBiasScores& s) {
    return Json::object({{"pro_accuracy", number_or_null(s.pro_accuracy)},
                         {"anti_accuracy", number_or_null(s.anti_accuracy)},
                         {"gap", number_or_null(s.gap())},
                         {"pro_items", s.pro_items},
                         {"anti_items", s.anti_items}});
  });
}

Json stereoset_json(const Items& items) {
  if (stereoset_scores(items, Side::base).items == 0) return {};
  return both_sides(items, stereoset_scores, [](const StereoSetScores& s) {
    return Json::object({{"stereotype_score", number_or_null(s.stereotype_score)},
                         {"language_model_score", number_or_null(s.language_model_score)},
                         {"icat", number_or_null(s.icat)},
                         {"items", s.items}});
  });
}

Json crows_pairs_json(const Items& items) {
  if (crows_pairs_scores(items, Side::base).items == 0) return {};
  return both_sides(items, crows_pairs_scores, [](const CrowsPairsScores& s) {
    return Json::object(
        {{"stereotype_percent", number_or_null(s.stereotype_percent)}, {"items", s.items}});
  });
}

}  // namespace

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json to_json(const Estimate& estimate) {
  return Json::object({{"value", number_or_null(estimate.value)},
                       {"low", number_or_null(estimate.interval.low)},
                       {"high", number_or_null(estimate.interval.high)},
                       {"n", estimate.items}});
}

Json to_json(const SliceMetrics& slice) {
  Json out = Json::object({{"name", slice.name},
                           {"items", slice.items},
                           {"templates", slice.templates},
                           {"too_small", slice.too_small},
                           {"judged", slice.judged},
                           {"base", to_json(slice.base)},
                           {"quantized", to_json(slice.quantized)}});
  for (const EstimateField& field : kEstimates) out.set(field.name, to_json(slice.*field.member));
  for (const NumberField& field : kNumbers)
    out.set(field.name, number_or_null(slice.*field.member));
  return out;
}

Json to_json(const std::vector<SliceMetrics>& slices) {
  Json list(Json::Array{});
  for (const SliceMetrics& slice : slices) list.push_back(to_json(slice));
  return list;
}

Json to_json(const GateResult& gate) {
  Json criteria(Json::Array{});
  for (const Criterion& criterion : gate.criteria)
    criteria.push_back(Json::object({{"name", criterion.name},
                                     {"verdict", to_string(criterion.verdict)},
                                     {"decides", criterion.decides},
                                     {"measured", to_json(criterion.measured)},
                                     {"limit", criterion.limit},
                                     {"reason", criterion.reason}}));
  return Json::object({{"verdict", to_string(gate.verdict)},
                       {"summary", gate.summary},
                       {"base_competent", gate.base_competent},
                       {"criteria", std::move(criteria)}});
}

Json to_json(const Competence& competence) {
  return Json::object({{"format", to_string(competence.format)},
                       {"accuracy", to_json(competence.accuracy)},
                       {"chance", number_or_null(competence.chance)},
                       {"decided_accuracy", to_json(competence.decided_accuracy)},
                       {"decided_chance", number_or_null(competence.decided_chance)},
                       {"beats_chance", competence.beats_chance},
                       {"unknown", to_json(competence.unknown)}});
}

Json to_json(const DoseFit& fit) {
  if (!fit.problem.empty()) return {};
  Json curve(Json::Array{});
  for (const CurvePoint& point : fit.curve)
    curve.push_back(Json::object({{"bits", point.bits},
                                  {"value", point.value},
                                  {"low", point.interval.low},
                                  {"high", point.interval.high}}));
  return Json::object({{"coefficient", to_json(fit.coefficient)},
                       {"odds_ratio_per_bit", std::exp(fit.coefficient.value)},
                       {"p", number_or_null(fit.p_value)},
                       {"clusters", fit.clusters},
                       {"levels", fit.levels},
                       {"records", fit.coefficient.items},
                       {"curve", std::move(curve)}});
}

Json official_scores_json(const ModelAudit& model) {
  Json out = Json::object({{"bbq", Json(Json::Array{})},
                           {"winobias", Json()},
                           {"stereoset", Json()},
                           {"crows_pairs", Json()}});
  const auto items_of = [](const FormatAudit& format) {
    Items items;
    for (const ItemComparison& item : format.comparison.items) items.push_back(&item);
    return items;
  };
  const FormatAudit& leading = model.formats[model.leading];
  if (form_of(leading.comparison.format) == ItemForm::choice) {
    const Items items = items_of(leading);
    out.set("bbq", bbq_json(items));
    out.set("winobias", winobias_json(items));
  }
  for (const FormatAudit& format : model.formats) {
    if (format.comparison.format == ScoringFormat::sentence_per_token)
      out.set("stereoset", stereoset_json(items_of(format)));
    if (format.comparison.format == ScoringFormat::sentence)
      out.set("crows_pairs", crows_pairs_json(items_of(format)));
  }
  return out;
}

}  // namespace libquant
