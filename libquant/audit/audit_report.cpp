#include "libquant/audit/audit_report.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <unordered_map>

#include "libquant/audit/report_parts.h"
#include "libquant/core/error.h"
#include "libquant/core/rng.h"
#include "libquant/core/version.h"

namespace libquant {
namespace {

// A picture of more points shows nothing more, and the file would grow without bound.
constexpr std::size_t kMostPoints = 5000;

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json work_json(const ScoringWork& work) {
  if (work.tokens == 0) return {};
  return Json::object({{"items", work.items},
                       {"tokens", work.tokens},
                       {"floor_flops", work.floor_flops},
                       {"seconds", work.seconds},
                       {"probe_flops", work.probe_flops},
                       {"share_of_floor", number_or_null(work.share_of_floor())}});
}

Json model_json(const AuditedModel& model) {
  return Json::object(
      {{"name", model.name},
       {"path", model.path},
       {"weights", text_or_null(model.type)},
       {"method", text_or_null(model.method)},
       {"bits", model.bits ? Json(*model.bits) : Json()},
       {"bytes", model.bytes ? Json(*model.bytes) : Json()},
       {"hash", text_or_null(model.hash)},
       {"tokenizer", text_or_null(model.tokenizer)},
       {"chat_format", text_or_null(model.chat_format)},
       {"perplexity", model.perplexity ? number_or_null(*model.perplexity) : Json()},
       {"scoring", work_json(model.work)}});
}

Json counts_json(std::span<const ProbeItem> items, const ReportContext& context) {
  std::size_t ambiguous = 0, disambiguated = 0, pairs = 0, skipped = 0, available = 0;
  std::set<std::string_view> templates;
  for (const ProbeItem& item : items) {
    ambiguous += item.condition == Condition::ambiguous ? 1 : 0;
    disambiguated += item.condition == Condition::disambiguated ? 1 : 0;
    pairs += item.form == ItemForm::sentences ? 1 : 0;
    templates.insert(item.template_id);
  }
  for (const ProbeSource& set : context.sets) {
    skipped += set.skipped;
    available += set.items;
  }
  return Json::object({{"total", items.size()},
                       {"available", available},
                       {"skipped", skipped},
                       {"ambiguous", ambiguous},
                       {"disambiguated", disambiguated},
                       {"pairs", pairs},
                       {"templates", templates.size()}});
}

Json comparison_counts(const ComparisonCounts& counts) {
  return Json::object({{"compared", counts.compared},
                       {"not_scored", counts.not_scored},
                       {"invalid", counts.invalid},
                       {"other_form", counts.other_form}});
}

Json point_json(const ItemComparison& item) {
  return Json::object({{"id", item.item->id},
                       {"category", item.item->category},
                       {"margin", item.base_margin},
                       {"stereotype_shift", number_or_null(item.stereotype_shift)},
                       {"unknown_shift", number_or_null(item.unknown_shift)},
                       {"base_role", to_string(item.base_role())},
                       {"quantized_role", to_string(item.quantized_role())}});
}

void add_points(const Comparison& comparison, std::uint64_t seed, Json& model) {
  std::vector<const ItemComparison*> points;
  for (const ItemComparison& item : comparison.items)
    if (!std::isnan(item.stereotype_shift)) points.push_back(&item);
  model.set("points_of", points.size());
  if (points.size() > kMostPoints) {
    Rng rng(seed);
    for (std::size_t i = 0; i < kMostPoints; ++i)
      std::swap(points[i], points[i + rng.below(points.size() - i)]);
    points.resize(kMostPoints);
    std::sort(points.begin(), points.end());
  }
  Json list(Json::Array{});
  for (const ItemComparison* item : points) list.push_back(point_json(*item));
  model.set("points", std::move(list));
}

Json options_json(const ItemComparison& item) {
  Json list(Json::Array{});
  for (std::size_t i = 0; i < item.base.size(); ++i)
    list.push_back(Json::object({{"text", item.item->options[i].text},
                                 {"role", to_string(item.item->options[i].role)},
                                 {"base", item.base[i]},
                                 {"quantized", item.quantized[i]}}));
  return list;
}

Json changed_json(const ItemComparison& item, const GeneratedAnswers* generated) {
  const ProbeItem& probe = *item.item;
  return Json::object(
      {{"id", probe.id},
       {"set", probe.set},
       {"category", probe.category},
       {"group", probe.group},
       {"polarity", probe.polarity},
       {"condition", to_string(probe.condition)},
       {"form", probe.form == ItemForm::choice ? "choice" : "sentences"},
       {"context", probe.context},
       {"question", probe.question.empty() ? probe.prompt : probe.question},
       {"correct", probe.correct},
       {"options", options_json(item)},
       {"base_choice", item.base_choice},
       {"quantized_choice", item.quantized_choice},
       {"kl_divergence", item.kl_divergence},
       {"js_distance", item.js_distance},
       {"stereotype_shift", number_or_null(item.stereotype_shift)},
       {"unknown_shift", number_or_null(item.unknown_shift)},
       {"base_generation", generated == nullptr ? Json() : Json(generated->base)},
       {"quantized_generation", generated == nullptr ? Json() : Json(generated->quantized)}});
}

Json changed_items(const ModelAudit& model, std::span<const GeneratedAnswers> generations) {
  std::unordered_map<std::string_view, const GeneratedAnswers*> answers;
  for (const GeneratedAnswers& entry : generations) answers.emplace(entry.id, &entry);
  const Comparison& comparison = model.formats[model.leading].comparison;
  Json list(Json::Array{});
  for (const std::size_t index : model.changed) {
    const ItemComparison& item = comparison.items[index];
    const auto found = answers.find(item.item->id);
    list.push_back(changed_json(item, found == answers.end() ? nullptr : found->second));
  }
  return list;
}

Json format_json(const FormatAudit& format) {
  return Json::object(
      {{"format", to_string(format.comparison.format)},
       {"items", comparison_counts(format.comparison.counts)},
       {"all", to_json(format.all)},
       {"disambiguated", format.disambiguated ? to_json(*format.disambiguated) : Json()}});
}

Json pairs_json(const ModelAudit& model) {
  if (!model.pairs) return {};
  const FormatAudit& pairs = model.formats[*model.pairs];
  return Json::object({{"format", to_string(pairs.comparison.format)},
                       {"items", comparison_counts(pairs.comparison.counts)},
                       {"all", to_json(pairs.all)},
                       {"sets", to_json(pairs.sets)},
                       {"categories", to_json(pairs.categories)}});
}

Json audited_json(const ModelAudit& result, const AuditedModel& model, std::uint64_t seed,
                  std::span<const GeneratedAnswers> generations) {
  const FormatAudit& leading = result.formats[result.leading];
  Json out = model_json(model);
  Json findings(Json::Array{});
  for (const std::string& finding : result.findings) findings.push_back(finding);
  out.set("gate", to_json(result.gate));
  out.set("findings", std::move(findings));
  out.set("items", comparison_counts(leading.comparison.counts));
  out.set("all", to_json(leading.all));
  out.set("disambiguated", leading.disambiguated ? to_json(*leading.disambiguated) : Json());
  out.set("sets", to_json(leading.sets));
  out.set("categories", to_json(leading.categories));
  out.set("groups", to_json(leading.groups));
  out.set("polarities", to_json(leading.polarities));
  out.set("margin_deciles", to_json(leading.margin_deciles));
  out.set("pairs", pairs_json(result));
  out.set("scores", official_scores_json(result));
  Json formats(Json::Array{});
  for (const FormatAudit& format : result.formats) formats.push_back(format_json(format));
  out.set("formats", std::move(formats));
  add_points(leading.comparison, seed, out);
  out.set("changed_items", changed_items(result, generations));
  return out;
}

Json dose_response_json(const AuditResult& result) {
  Json out = to_json(result.stereotype_dose);
  if (!out.is_null()) out.set("unknown", to_json(result.unknown_dose));
  return out;
}

Json provenance_json(const AuditedModel& base, const AuditOptions& options,
                     const ReportContext& context) {
  Json sets(Json::Array{});
  for (const ProbeSource& set : context.sets)
    sets.push_back(Json::object({{"name", set.name},
                                 {"path", set.path},
                                 {"licence", set.licence},
                                 {"content_hash", set.content_hash},
                                 {"items", set.items},
                                 {"skipped", set.skipped}}));
  Json settings = context.options.is_object() ? context.options : Json(Json::Object{});
  settings.set("temperature", options.emergence.temperature);
  settings.set("samples", options.emergence.samples);
  settings.set("coupled_draws", options.emergence.coupled_draws);
  settings.set("resamples", options.slices.resamples);
  settings.set("level", options.slices.level);
  settings.set("minimum_items", options.slices.minimum_items);
  return Json::object({{"library_version", version()},
                       {"isa", text_or_null(context.isa)},
                       {"seed", options.slices.seed},
                       {"prompt_format", context.prompt_format},
                       {"chat_format", text_or_null(base.chat_format)},
                       {"tokenizer", text_or_null(base.tokenizer)},
                       {"options", std::move(settings)},
                       {"probe_sets", std::move(sets)},
                       {"thresholds", options.thresholds.to_json()}});
}

Json base_json(const AuditResult& result, const AuditedModel& base) {
  Json out = model_json(base);
  out.set("accuracy", Json());
  for (const Competence& entry : result.competence)
    if (entry.format == result.leading.format) out.set("accuracy", to_json(entry.accuracy));
  return out;
}

}  // namespace

Json audit_report(const AuditResult& result, std::span<const ProbeItem> items,
                  const AuditedModel& base, std::span<const AuditedModel> quantized,
                  const AuditOptions& options, const ReportContext& context) {
  require(result.models.size() == quantized.size(), "a result of {} models, described are {}",
          result.models.size(), quantized.size());
  Json formats(Json::Array{}), models(Json::Array{});
  for (const Competence& entry : result.competence) formats.push_back(to_json(entry));
  for (std::size_t m = 0; m < quantized.size(); ++m) {
    const bool generated = m < context.generations.size();
    models.push_back(audited_json(result.models[m], quantized[m], options.slices.seed,
                                  generated
                                      ? std::span<const GeneratedAnswers>(context.generations[m])
                                      : std::span<const GeneratedAnswers>()));
  }
  return Json::object({{"schema", "libquant-audit-1"},
                       {"kind", context.kind},
                       {"title", text_or_null(context.title)},
                       {"format", to_string(result.leading.format)},
                       {"competent", result.leading.competent},
                       {"format_reason", result.leading.reason},
                       {"formats", std::move(formats)},
                       {"base", base_json(result, base)},
                       {"items", counts_json(items, context)},
                       {"models", std::move(models)},
                       {"dose_response", dose_response_json(result)},
                       {"dose_response_problem", text_or_null(result.stereotype_dose.problem)},
                       {"study_protocol", context.study_protocol},
                       {"provenance", provenance_json(base, options, context)}});
}

}  // namespace libquant
