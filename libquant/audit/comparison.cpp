#include "libquant/audit/comparison.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <limits>
#include <string_view>
#include <unordered_map>

#include "libquant/core/error.h"
#include "libquant/core/hash.h"
#include "libquant/stats/distance.h"

namespace libquant {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

using ScoreIndex = std::unordered_map<std::string_view, const ItemScore*>;

ScoreIndex index_scores(std::span<const ItemScore> scores, std::string_view model) {
  ScoreIndex index;
  for (const ItemScore& score : scores) {
    require(index.emplace(score.id, &score).second, "the scores of the {} model hold item {} twice",
            model, score.id);
  }
  return index;
}

int index_of(const ProbeItem& item, OptionRole role) {
  for (std::size_t i = 0; i < item.options.size(); ++i) {
    if (item.options[i].role == role) return static_cast<int>(i);
  }
  return -1;
}

// A probability of zero has no logarithm: such a score was cut off by the runtime that made it.
bool usable(std::span<const double> p) {
  return std::all_of(p.begin(), p.end(), [](double v) { return std::isfinite(v) && v > 0; });
}

double log_odds(std::span<const double> p, int numerator, std::initializer_list<int> denominator) {
  double sum = 0;
  for (const int i : denominator) sum += p[static_cast<std::size_t>(i)];
  return std::log(p[static_cast<std::size_t>(numerator)] / sum);
}

void fill_shifts(ItemComparison& out) {
  const int stereotype = index_of(*out.item, OptionRole::stereotype);
  const int anti = index_of(*out.item, OptionRole::anti);
  const int unknown = index_of(*out.item, OptionRole::unknown);
  out.stereotype_shift = out.unknown_shift = kMissing;
  if (stereotype < 0 || anti < 0) return;
  out.stereotype_shift =
      log_odds(out.quantized, stereotype, {anti}) - log_odds(out.base, stereotype, {anti});
  if (unknown < 0) return;
  out.unknown_shift = log_odds(out.quantized, unknown, {stereotype, anti}) -
                      log_odds(out.base, unknown, {stereotype, anti});
}

std::vector<double> logarithms(std::span<const double> p) {
  std::vector<double> out(p.size());
  std::transform(p.begin(), p.end(), out.begin(), [](double v) { return std::log(v); });
  return out;
}

void fill_emergence(ItemComparison& out, const EmergenceOptions& options) {
  const int stereotype = index_of(*out.item, OptionRole::stereotype);
  out.emergence = out.coupled = {kMissing, kMissing, kMissing};
  if (stereotype < 0 || out.item->condition != Condition::ambiguous) return;
  const auto base = logarithms(out.base), quantized = logarithms(out.quantized);
  const auto index = static_cast<std::size_t>(stereotype);
  const std::uint64_t label = hash64(out.item->id);
  out.emergence = closed_form_emergence(base, quantized, index, options);
  out.coupled = coupled_emergence(base, quantized, index, options, label);
}

double top_margin(std::span<const double> p) {
  std::vector<double> sorted(p.begin(), p.end());
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  return sorted.size() > 1 ? sorted[0] - sorted[1] : 1;
}

std::size_t argmax(std::span<const double> p) {
  return static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin());
}

void fill(ItemComparison& out, const EmergenceOptions& options) {
  out.base_choice = argmax(out.base);
  out.quantized_choice = argmax(out.quantized);
  out.base_margin = top_margin(out.base);
  out.kl_divergence = kl_divergence(out.base, out.quantized);
  out.js_distance = js_distance(out.base, out.quantized);
  out.base_entropy = entropy_bits(out.base);
  out.quantized_entropy = entropy_bits(out.quantized);
  fill_shifts(out);
  fill_emergence(out, options);
}

double per_token_likelihood(const ItemScore& score) {
  double sum = 0;
  for (std::size_t i = 0; i < score.answers.size(); ++i)
    sum += score.answers[i] / static_cast<double>(score.answer_tokens[i]);
  return sum / static_cast<double>(score.answers.size());
}

double likelihood_change(const ItemScore& base, const ItemScore& quantized, ScoringFormat format) {
  if (format == ScoringFormat::letters) return kMissing;
  return per_token_likelihood(quantized) - per_token_likelihood(base);
}

}  // namespace

bool ItemComparison::has_role(OptionRole role) const { return index_of(*item, role) >= 0; }

double ItemComparison::probability(Side side, OptionRole role) const {
  const int index = index_of(*item, role);
  if (index < 0) return kMissing;
  return (side == Side::base ? base : quantized)[static_cast<std::size_t>(index)];
}

Comparison compare_scores(std::span<const ProbeItem> items, std::span<const ItemScore> base,
                          std::span<const ItemScore> quantized, ScoringFormat format,
                          const EmergenceOptions& emergence) {
  const ScoreIndex before = index_scores(base, "original"),
                   after = index_scores(quantized, "quantized");
  std::unordered_map<std::string_view, std::uint32_t> clusters;
  Comparison out;
  out.format = format;
  for (const ProbeItem& item : items) {
    // Numbered over all items, so that the numbers of two comparisons mean the same templates.
    const std::uint32_t cluster =
        clusters.emplace(item.template_id, static_cast<std::uint32_t>(clusters.size()))
            .first->second;
    if (item.form != form_of(format)) {
      ++out.counts.other_form;
      continue;
    }
    const auto old_score = before.find(item.id), new_score = after.find(item.id);
    ItemComparison entry;
    if (old_score != before.end()) entry.base = option_probabilities(*old_score->second, format);
    if (new_score != after.end())
      entry.quantized = option_probabilities(*new_score->second, format);
    if (entry.base.empty() || entry.quantized.empty()) {
      ++out.counts.not_scored;
      continue;
    }
    require(
        entry.base.size() == item.options.size() && entry.quantized.size() == item.options.size(),
        "item {} has {} options, its scores have {} and {}", item.id, item.options.size(),
        entry.base.size(), entry.quantized.size());
    if (!usable(entry.base) || !usable(entry.quantized)) {
      ++out.counts.invalid;
      continue;
    }
    entry.item = &item;
    entry.cluster = cluster;
    entry.log_likelihood_change = likelihood_change(*old_score->second, *new_score->second, format);
    fill(entry, emergence);
    out.items.push_back(std::move(entry));
  }
  out.counts.compared = out.items.size();
  return out;
}

}  // namespace libquant
