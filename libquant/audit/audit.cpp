#include "libquant/audit/audit.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>

#include "libquant/audit/findings.h"
#include "libquant/core/error.h"

namespace libquant {
namespace {

using Key = std::function<std::string(const ItemComparison&)>;

std::vector<const ItemComparison*> pointers(std::span<const ItemComparison> items) {
  std::vector<const ItemComparison*> out;
  for (const ItemComparison& item : items) out.push_back(&item);
  return out;
}

std::vector<SliceMetrics> decile_slices(std::span<const ItemComparison> items,
                                        const SliceOptions& options) {
  // Of items that can be stereotyped: what happens to the rest is no question of bias.
  std::vector<ItemComparison> judged;
  for (const ItemComparison& item : items)
    if (item.has_role(OptionRole::stereotype)) judged.push_back(item);
  const std::vector<std::string> labels = margin_deciles(judged);
  auto slices = slices_by(
      judged,
      [&](const ItemComparison& i) { return labels[static_cast<std::size_t>(&i - judged.data())]; },
      options);
  std::sort(slices.begin(), slices.end(), [](const SliceMetrics& a, const SliceMetrics& b) {
    return std::pair(a.name.size(), a.name) < std::pair(b.name.size(), b.name);
  });
  return slices;
}

FormatAudit audit_format(Comparison comparison, const SliceOptions& options) {
  FormatAudit out;
  const std::span<const ItemComparison> items = comparison.items;
  out.all = slice_metrics("all", pointers(items), options);
  std::vector<const ItemComparison*> decided;
  for (const ItemComparison& item : items)
    if (item.item->condition == Condition::disambiguated) decided.push_back(&item);
  if (!decided.empty()) out.disambiguated = slice_metrics("disambiguated", decided, options);
  const auto by = [&](std::string ProbeItem::*member) {
    return slices_by(
        items, [member](const ItemComparison& i) { return i.item->*member; }, options);
  };
  out.sets = by(&ProbeItem::set);
  out.categories = by(&ProbeItem::category);
  out.polarities = by(&ProbeItem::polarity);
  // The groups of sentence pairs are target terms: hundreds, each with a few sentences.
  if (form_of(comparison.format) == ItemForm::choice) {
    out.groups = by(&ProbeItem::group);
    out.margin_deciles = decile_slices(items, options);
  }
  out.comparison = std::move(comparison);
  return out;
}

// The farthest first, but one of each template before the second of any: items of one template
// resemble each other.
std::vector<std::size_t> most_changed(std::span<const ItemComparison> items, std::size_t count) {
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return items[a].js_distance > items[b].js_distance;
  });
  std::set<std::uint32_t> seen;
  std::vector<std::size_t> chosen, others;
  for (const std::size_t i : order)
    (seen.insert(items[i].cluster).second ? chosen : others).push_back(i);
  chosen.insert(chosen.end(), others.begin(), others.end());
  chosen.resize(std::min(chosen.size(), count));
  return chosen;
}

// The log-likelihood is known in formats that score whole answers, whichever leads.
Estimate log_likelihood_change(const ModelAudit& model) {
  const Estimate& leading = model.formats[model.leading].all.log_likelihood_change;
  if (!std::isnan(leading.value)) return leading;
  for (const FormatAudit& format : model.formats)
    if (!std::isnan(format.all.log_likelihood_change.value))
      return format.all.log_likelihood_change;
  return {};
}

std::optional<double> language_model_score_change(const ModelAudit& model) {
  for (const FormatAudit& format : model.formats) {
    if (format.comparison.format != ScoringFormat::sentence_per_token) continue;
    const auto items = pointers(format.comparison.items);
    const StereoSetScores before = stereoset_scores(items, Side::base);
    if (before.items == 0) return std::nullopt;
    return stereoset_scores(items, Side::quantized).language_model_score -
           before.language_model_score;
  }
  return std::nullopt;
}

std::optional<double> perplexity_ratio(const AuditedModel& base, const AuditedModel& quantized) {
  if (!base.perplexity || !quantized.perplexity) return std::nullopt;
  return *quantized.perplexity / *base.perplexity;
}

GateResult judge_model(const ModelAudit& model, const LeadingFormat& leading,
                       const AuditedModel& base, const AuditedModel& quantized,
                       const AuditOptions& options) {
  const FormatAudit& format = model.formats[model.leading];
  return judge({.base_competent = leading.competent,
                .all = &format.all,
                .disambiguated = format.disambiguated ? &*format.disambiguated : nullptr,
                .groups = &format.groups,
                .available = options.available_items,
                .log_likelihood_change = log_likelihood_change(model),
                .language_model_score_change = language_model_score_change(model),
                .perplexity_ratio = perplexity_ratio(base, quantized)},
               options.thresholds);
}

std::optional<std::size_t> index_of(const ModelAudit& model, ScoringFormat format) {
  for (std::size_t i = 0; i < model.formats.size(); ++i)
    if (model.formats[i].comparison.format == format) return i;
  return std::nullopt;
}

ModelAudit compare_model(std::span<const ProbeItem> items, const AuditedModel& base,
                         const AuditedModel& quantized, const LeadingFormat& leading,
                         const AuditOptions& options) {
  ModelAudit out;
  for (const ScoringFormat format : scoring_formats()) {
    Comparison comparison =
        compare_scores(items, base.scores, quantized.scores, format, options.emergence);
    if (comparison.items.empty()) continue;
    out.formats.push_back(audit_format(std::move(comparison), options.slices));
  }
  const auto index = index_of(out, leading.format);
  require(index.has_value(), "no item is scored by both {} and {} in the format {}", base.name,
          quantized.name, to_string(leading.format));
  out.leading = *index;
  if (leading.format != ScoringFormat::sentence_per_token)
    out.pairs = index_of(out, ScoringFormat::sentence_per_token);
  out.changed = most_changed(out.formats[out.leading].comparison.items, options.changed_items);
  return out;
}

// A family is one question (has the share of stereotypes changed? has accuracy?) asked of all
// slices of one kind and all models of a report, in one format.
void adjust_families(std::vector<ModelAudit>& models, std::size_t minimum_items) {
  using Slices = std::vector<SliceMetrics> FormatAudit::*;
  for (const ScoringFormat format : scoring_formats()) {
    for (const Slices kind : {&FormatAudit::sets, &FormatAudit::categories, &FormatAudit::groups,
                              &FormatAudit::polarities, &FormatAudit::margin_deciles}) {
      std::vector<SliceMetrics*> family;
      for (ModelAudit& model : models)
        if (const auto index = index_of(model, format))
          for (SliceMetrics& slice : model.formats[*index].*kind) family.push_back(&slice);
      adjust_family(family, minimum_items);
    }
    std::vector<SliceMetrics*> whole;
    for (ModelAudit& model : models)
      if (const auto index = index_of(model, format)) whole.push_back(&model.formats[*index].all);
    adjust_family(whole, minimum_items);
  }
}

// The original takes part where its weights are plain 16-bit numbers, as in the study; a source
// that is quantized itself is no level of the same method.
std::vector<DoseLevel> dose_levels(const AuditResult& result, const AuditedModel& base,
                                   std::span<const AuditedModel> quantized) {
  std::vector<DoseLevel> levels;
  const auto items = [&](std::size_t m) {
    const ModelAudit& model = result.models[m];
    return std::span<const ItemComparison>(model.formats[model.leading].comparison.items);
  };
  if (base.bits == 16 && !result.models.empty()) levels.push_back({16, items(0), Side::base});
  for (std::size_t m = 0; m < quantized.size(); ++m)
    if (quantized[m].bits) levels.push_back({*quantized[m].bits, items(m), Side::quantized});
  return levels;
}

}  // namespace

double ScoringWork::share_of_floor() const {
  constexpr double kReachable = 0.8;
  return seconds > 0 && probe_flops > 0 ? floor_flops / (kReachable * probe_flops) / seconds
                                        : kNoValue;
}

AuditResult audit(std::span<const ProbeItem> items, const AuditedModel& base,
                  std::span<const AuditedModel> quantized, const AuditOptions& options) {
  require(!items.empty(), "an audit needs probe items");
  require(!quantized.empty(), "an audit needs a quantized model beside the original");
  AuditResult out;
  for (const ScoringFormat format : scoring_formats())
    if (const auto found = competence(items, base.scores, format, options.slices.level))
      out.competence.push_back(*found);
  require(!out.competence.empty(), "{} has no score for any of the {} items", base.name,
          items.size());
  out.leading = leading_format(out.competence, options.format);
  for (const AuditedModel& model : quantized)
    out.models.push_back(compare_model(items, base, model, out.leading, options));
  adjust_families(out.models, options.slices.minimum_items);
  for (std::size_t m = 0; m < quantized.size(); ++m) {
    ModelAudit& model = out.models[m];
    model.gate = judge_model(model, out.leading, base, quantized[m], options);
    model.findings = findings(model, out.leading, base, quantized[m], options.slices.minimum_items);
  }
  const auto levels = dose_levels(out, base, quantized);
  out.stereotype_dose = fit_dose_response(levels, OptionRole::stereotype, options.slices.level);
  out.unknown_dose = fit_dose_response(levels, OptionRole::unknown, options.slices.level);
  return out;
}

}  // namespace libquant
