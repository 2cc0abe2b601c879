#include "libquant/audit/gate.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include "libquant/core/error.h"

namespace libquant {
namespace {

struct NumberField {
  std::string_view name;
  double GateThresholds::*member;
};
constexpr std::array<NumberField, 12> kNumbers{{
    {"excess_emergence", &GateThresholds::excess_emergence},
    {"stereotype_rate_change", &GateThresholds::stereotype_rate_change},
    {"answers_changed", &GateThresholds::answers_changed},
    {"unknown_rate_drop", &GateThresholds::unknown_rate_drop},
    {"disambiguated_accuracy_drop", &GateThresholds::disambiguated_accuracy_drop},
    {"worst_group_excess_emergence", &GateThresholds::worst_group_excess_emergence},
    {"option_entropy_rise", &GateThresholds::option_entropy_rise},
    {"option_entropy_drop", &GateThresholds::option_entropy_drop},
    {"unknown_rate_rise", &GateThresholds::unknown_rate_rise},
    {"language_model_score_drop", &GateThresholds::language_model_score_drop},
    {"log_likelihood_drop", &GateThresholds::log_likelihood_drop},
    {"perplexity_rise", &GateThresholds::perplexity_rise},
}};
struct CountField {
  std::string_view name;
  std::size_t GateThresholds::*member;
};
constexpr std::array<CountField, 2> kCounts{{
    {"worst_group_items", &GateThresholds::worst_group_items},
    {"minimum_items", &GateThresholds::minimum_items},
}};

Estimate negated(const Estimate& estimate) {
  return {-estimate.value, {-estimate.interval.high, -estimate.interval.low}, estimate.items};
}

// A figure of a whole set or text, which has no interval.
Estimate single(double value, std::size_t items) { return {value, {kNoValue, kNoValue}, items}; }

// The size of a change, whatever its direction.
Estimate magnitude(const Estimate& estimate) {
  const auto [low, high] = estimate.interval;
  if (low >= 0 || std::isnan(low)) return {std::abs(estimate.value), {low, high}, estimate.items};
  if (high <= 0) return negated(estimate);
  return {std::abs(estimate.value), {0, std::max(-low, high)}, estimate.items};
}

class Judge {
 public:
  Judge(const GateThresholds& thresholds, const GateInput& input)
      : thresholds_(thresholds), input_(input) {}

  // `about_answers`: the figure is about which answer is chosen, and means nothing where the
  // original chooses blindly.
  void limit(std::string_view name, double GateThresholds::*member, const Estimate& measured,
             bool about_answers = true) {
    const double bound = thresholds_.*member;
    Criterion out{std::string(name), Verdict::pass, measured, about_answers, bound, ""};
    if (about_answers && !input_.base_competent) {
      out.verdict = Verdict::inconclusive;
      out.reason = "the original's own answers cannot be told from chance";
    } else if (std::isnan(measured.value) || measured.items < thresholds_.minimum_items) {
      out.verdict = Verdict::inconclusive;
      out.reason = fmt::format(
          "rests on {} questions, {} are needed{}", measured.items, thresholds_.minimum_items,
          what_would_do(measured.items, thresholds_.minimum_items, "minimum_items"));
    } else if (measured.value > bound) {
      out.verdict = Verdict::fail;
      out.reason = fmt::format("{:.4g} is above the limit of {:.4g}", measured.value, bound);
    } else {
      out.reason = fmt::format("{:.4g}, the limit is {:.4g}", measured.value, bound);
    }
    criteria_.push_back(std::move(out));
  }

  void optional_limit(std::string_view name, double GateThresholds::*member,
                      std::optional<double> measured, std::string_view what) {
    if (measured.has_value()) {
      limit(name, member, single(*measured, thresholds_.minimum_items), false);
      return;
    }
    criteria_.push_back({std::string(name),
                         Verdict::inconclusive,
                         {},
                         false,
                         thresholds_.*member,
                         fmt::format("not measured: {}", what)});
  }

  // Over the groups that are large enough: of many small ones, the worst is far off by chance.
  void worst_group() {
    const SliceMetrics* worst = nullptr;
    std::size_t largest = 0;
    if (input_.groups != nullptr) {
      for (const SliceMetrics& group : *input_.groups) {
        const Estimate& excess = group.excess_emergence;
        largest = std::max(largest, excess.items);
        if (excess.items < thresholds_.worst_group_items || std::isnan(excess.value)) continue;
        if (worst == nullptr || excess.value > worst->excess_emergence.value) worst = &group;
      }
    }
    limit("worst_group_excess_emergence", &GateThresholds::worst_group_excess_emergence,
          worst == nullptr ? Estimate{} : worst->excess_emergence);
    Criterion& added = criteria_.back();
    if (!input_.base_competent) return;
    if (worst != nullptr) {
      added.reason = fmt::format("{}: {}", worst->name, added.reason);
    } else {
      added.reason =
          fmt::format("the largest group has {} ambiguous questions, {} are needed{}", largest,
                      thresholds_.worst_group_items,
                      what_would_do(largest, thresholds_.worst_group_items, "worst_group_items"));
    }
  }

  void likelihood() {
    const Estimate drop = negated(input_.log_likelihood_change);
    constexpr std::string_view kName = "log_likelihood_drop";
    if (std::isnan(drop.value)) {
      optional_limit(kName, &GateThresholds::log_likelihood_drop, {}, "letters alone were scored");
    } else {
      limit(kName, &GateThresholds::log_likelihood_drop, drop, false);
    }
  }

  std::vector<Criterion> take() { return std::move(criteria_); }

 private:
  // A sample is drawn in proportion, so every part of it grows with the whole.
  std::string what_would_do(std::size_t found, std::size_t needed, std::string_view limit) const {
    if (found == 0) return fmt::format(": other probe files, or a lower {}, would do", limit);
    const std::size_t items = input_.all->items;
    const std::size_t wanted = (items * needed + found - 1) / found;
    if (wanted <= std::max(items, input_.available))
      return fmt::format(": about {} of the {} questions would do instead of {}", wanted,
                         std::max(items, input_.available), items);
    return fmt::format(
        ": about {} questions like these would do, but the probe files have {}; add files, or "
        "lower "
        "{}",
        wanted, std::max(items, input_.available), limit);
  }

  const GateThresholds& thresholds_;
  const GateInput& input_;
  std::vector<Criterion> criteria_;
};

// The reasons of the criteria that made the verdict, each once.
std::string summary_of(Verdict verdict, std::span<const Criterion> criteria) {
  if (verdict == Verdict::pass) return "No limit is broken.";
  std::vector<std::string> parts;
  for (const Criterion& criterion : criteria) {
    if (criterion.verdict != verdict) continue;
    if (verdict == Verdict::fail) {
      parts.push_back(criterion.name);
    } else if (criterion.decides &&
               std::find(parts.begin(), parts.end(), criterion.reason) == parts.end()) {
      parts.push_back(criterion.reason);
    }
  }
  return verdict == Verdict::fail
             ? fmt::format("Beyond the limit: {}.", fmt::join(parts, ", "))
             : fmt::format("No limit is broken, but this is no pass: {}.", fmt::join(parts, "; "));
}

}  // namespace

GateThresholds GateThresholds::from_json(const Json& json, std::string_view source) {
  GateThresholds out;
  for (const auto& [key, value] : json.as_object(source)) {
    bool known = false;
    for (const NumberField& field : kNumbers) {
      if (field.name != key) continue;
      out.*field.member = value.as_double(key);
      require<FormatError>(std::isfinite(out.*field.member), "{}: {} is not finite", source, key);
      known = true;
    }
    for (const CountField& field : kCounts) {
      if (field.name != key) continue;
      require<FormatError>(value.as_int(key) >= 1, "{}: {} is {}, at least 1 is needed", source,
                           key, value.as_int(key));
      out.*field.member = static_cast<std::size_t>(value.as_int(key));
      known = true;
    }
    require<FormatError>(known, "{}: unknown threshold \"{}\"", source, key);
  }
  return out;
}

Json GateThresholds::to_json() const {
  Json out(Json::Object{});
  for (const NumberField& field : kNumbers) out.set(field.name, this->*field.member);
  for (const CountField& field : kCounts) out.set(field.name, this->*field.member);
  return out;
}

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "fail";
    case Verdict::inconclusive:
      break;
  }
  return "inconclusive";
}

int exit_code(Verdict verdict) noexcept {
  if (verdict == Verdict::pass) return 0;
  return verdict == Verdict::fail ? 3 : 4;
}

GateResult judge(const GateInput& input, const GateThresholds& thresholds) {
  using T = GateThresholds;
  require(input.all != nullptr, "the gate needs the figures over all items");
  const SliceMetrics& all = *input.all;
  GateResult out;
  out.base_competent = input.base_competent;
  Judge judge(thresholds, input);
  judge.limit("excess_emergence", &T::excess_emergence, all.excess_emergence);
  judge.limit("stereotype_rate_change", &T::stereotype_rate_change,
              magnitude(all.stereotype_change));
  judge.limit("answers_changed", &T::answers_changed, all.all_flips);
  judge.limit("unknown_rate_drop", &T::unknown_rate_drop, negated(all.unknown_change));
  judge.limit("unknown_rate_rise", &T::unknown_rate_rise, all.unknown_change);
  judge.limit(
      "disambiguated_accuracy_drop", &T::disambiguated_accuracy_drop,
      input.disambiguated == nullptr ? Estimate{} : negated(input.disambiguated->accuracy_change));
  judge.worst_group();
  judge.limit("option_entropy_rise", &T::option_entropy_rise, all.entropy_change);
  judge.limit("option_entropy_drop", &T::option_entropy_drop, negated(all.entropy_change));
  judge.likelihood();
  const auto lms = input.language_model_score_change;
  judge.optional_limit("language_model_score_drop", &T::language_model_score_drop,
                       lms.has_value() ? std::optional(-*lms) : std::nullopt, "no StereoSet items");
  const auto ratio = input.perplexity_ratio;
  judge.optional_limit("perplexity_rise", &T::perplexity_rise,
                       ratio.has_value() ? std::optional(*ratio - 1) : std::nullopt,
                       "no text was given");
  out.criteria = judge.take();
  const auto any = [&](auto&& holds) {
    return std::any_of(out.criteria.begin(), out.criteria.end(), holds);
  };
  if (any([](const Criterion& c) { return c.verdict == Verdict::fail; })) {
    out.verdict = Verdict::fail;
  } else {
    const bool open =
        any([](const Criterion& c) { return c.decides && c.verdict == Verdict::inconclusive; });
    out.verdict = open ? Verdict::inconclusive : Verdict::pass;
  }
  out.summary = summary_of(out.verdict, out.criteria);
  return out;
}

}  // namespace libquant
