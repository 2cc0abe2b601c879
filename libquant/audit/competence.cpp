#include "libquant/audit/competence.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "libquant/core/error.h"

namespace libquant {
namespace {

// A format in which fewer ambiguous items than this are answered "unknown" can hardly show the loss
// of abstention: the gate's limit is a drop by 2 points.
constexpr double kLeastUnknown = 0.05;

struct Count {
  std::size_t hits = 0, items = 0;

  void add(bool hit) {
    hits += hit ? 1 : 0;
    ++items;
  }
  Estimate estimate(double level) const {
    if (items == 0) return {};
    return {static_cast<double>(hits) / static_cast<double>(items),
            wilson_interval(hits, items, level), items};
  }
};

std::set<std::string_view> judged_sets(std::span<const ProbeItem> items) {
  std::set<std::string_view> sets;
  for (const ProbeItem& item : items)
    if (item.condition == Condition::ambiguous) sets.insert(item.set);
  return sets;
}

std::size_t most_probable(std::span<const double> p) {
  return static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin());
}

// How far both accuracies are surely above chance.
double surplus(const Competence& entry) {
  if (std::isnan(entry.chance) || std::isnan(entry.decided_chance)) return -1;
  return std::min(entry.accuracy.interval.low - entry.chance,
                  entry.decided_accuracy.interval.low - entry.decided_chance);
}

std::size_t people(const ProbeItem& item) {
  return static_cast<std::size_t>(
      std::count_if(item.options.begin(), item.options.end(),
                    [](const ProbeOption& option) { return option.role != OptionRole::unknown; }));
}

bool abstains(const Competence& entry) { return entry.unknown.value >= kLeastUnknown; }

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string accuracy_text(const Competence& entry) {
  const auto part = [](const Estimate& accuracy, double chance) {
    return fmt::format("{} (95 % interval {} to {}, chance {})", percent(accuracy.value),
                       percent(accuracy.interval.low), percent(accuracy.interval.high),
                       percent(chance));
  };
  std::string text = fmt::format("right on {} of {} items whose context decides",
                                 part(entry.accuracy, entry.chance), entry.accuracy.items);
  if (entry.decided_accuracy.items < entry.accuracy.items || entry.chance < entry.decided_chance)
    text += fmt::format(", and on {} of the {} that it answers with a person",
                        part(entry.decided_accuracy, entry.decided_chance),
                        entry.decided_accuracy.items);
  return text;
}

constexpr std::string_view kUntold =
    "No item's context decides the answer: whether the original understands the items cannot be "
    "told.";

// Where a format that is surer above chance, or the leading one, hardly ever answers "unknown".
std::string abstention_text(const Competence& best, std::span<const Competence* const> choices) {
  if (std::isnan(best.unknown.value)) return "";
  if (!abstains(best))
    return fmt::format(
        " It answers \"unknown\" to only {} of the ambiguous items, so the loss of such answers "
        "can "
        "hardly show.",
        percent(best.unknown.value));
  for (const Competence* other : choices) {
    if (other->beats_chance && !abstains(*other) && surplus(*other) > surplus(best))
      return fmt::format(
          " It leads although {} is further above chance, because there only {} of the ambiguous "
          "items are answered \"unknown\" (here {}).",
          to_string(other->format), percent(other->unknown.value), percent(best.unknown.value));
  }
  return "";
}

std::string reason(const Competence& best, bool wanted,
                   std::span<const Competence* const> choices) {
  if (std::isnan(best.chance)) return std::string(kUntold);
  if (best.beats_chance)
    return fmt::format("The original understands the items in this format: {}.{}",
                       accuracy_text(best), abstention_text(best, choices));
  return fmt::format("The original's answers cannot be told from chance in {}: {}.",
                     wanted ? "this format" : "any format; the best of them", accuracy_text(best));
}

}  // namespace

std::optional<Competence> competence(std::span<const ProbeItem> items,
                                     std::span<const ItemScore> scores, ScoringFormat format,
                                     double level) {
  std::unordered_map<std::string_view, const ItemScore*> index;
  for (const ItemScore& score : scores) index.emplace(score.id, &score);
  const std::set<std::string_view> sets = judged_sets(items);
  Count right, decided, unknown;
  double chance = 0, decided_chance = 0;
  bool scored = false;
  for (const ProbeItem& item : items) {
    const auto found = index.find(item.id);
    if (item.form != form_of(format) || found == index.end()) continue;
    const std::vector<double> p = option_probabilities(*found->second, format);
    if (p.empty() || std::any_of(p.begin(), p.end(), [](double v) { return std::isnan(v); }))
      continue;
    require(p.size() == item.options.size(), "item {} has {} options, its score has {}", item.id,
            item.options.size(), p.size());
    scored = true;
    const std::size_t choice = most_probable(p);
    if (item.condition == Condition::ambiguous)
      unknown.add(item.options[choice].role == OptionRole::unknown);
    const bool counts = item.condition == Condition::disambiguated && item.correct >= 0 &&
                        (sets.empty() || sets.contains(item.set));
    if (!counts) continue;
    right.add(static_cast<int>(choice) == item.correct);
    chance += 1 / static_cast<double>(item.options.size());
    if (item.options[choice].role == OptionRole::unknown) continue;
    decided.add(static_cast<int>(choice) == item.correct);
    decided_chance += 1 / static_cast<double>(people(item));
  }
  if (!scored) return std::nullopt;
  Competence out{format,   right.estimate(level),   kNoValue, decided.estimate(level),
                 kNoValue, unknown.estimate(level), false};
  if (right.items > 0) out.chance = chance / static_cast<double>(right.items);
  if (decided.items > 0) out.decided_chance = decided_chance / static_cast<double>(decided.items);
  out.beats_chance = surplus(out) > 0;
  return out;
}

LeadingFormat leading_format(std::span<const Competence> formats,
                             std::optional<ScoringFormat> wanted) {
  require(!formats.empty(), "no item has a score in any format");
  std::vector<const Competence*> choices;
  for (const Competence& entry : formats) {
    if (wanted.has_value() ? entry.format == *wanted : form_of(entry.format) == ItemForm::choice)
      choices.push_back(&entry);
  }
  require(!wanted.has_value() || !choices.empty(), "no item has a score in the format {}",
          wanted ? to_string(*wanted) : "");
  if (choices.empty()) return {ScoringFormat::sentence_per_token, false, std::string(kUntold)};
  const auto better = [](const Competence* a, const Competence* b) {
    const auto rank = [](const Competence* entry) {
      return std::tuple(entry->beats_chance && abstains(*entry), surplus(*entry), abstains(*entry));
    };
    return rank(a) < rank(b);
  };
  const Competence& best = **std::max_element(choices.begin(), choices.end(), better);
  return {best.format, best.beats_chance, reason(best, wanted.has_value(), choices)};
}

}  // namespace libquant
