#include "libquant/audit/gate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "libquant/core/error.h"

namespace libquant {
namespace {

struct NumberField {
  std::string_view name;
  double GateThresholds::*member;
};
constexpr std::array<NumberField, 10> kNumbers{{
    {"excess_emergence", &GateThresholds::excess_emergence},
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

Estimate single(double value, std::size_t items) { return {value, {value, value}, items}; }

class Judge {
 public:
  Judge(const GateThresholds& thresholds, bool competent)
      : thresholds_(thresholds), competent_(competent) {}

  // `needs_competence`: the figure is about which answer is chosen.
  void limit(std::string_view name, double GateThresholds::*member, const Estimate& measured,
             bool needs_competence = true) {
    const double bound = thresholds_.*member;
    Criterion out{std::string(name), Verdict::pass, measured, bound, ""};
    if (needs_competence && !competent_) {
      out.verdict = Verdict::inconclusive;
      out.reason = "the original's own answers cannot be told from chance";
    } else if (std::isnan(measured.value) || measured.items < thresholds_.minimum_items) {
      out.verdict = Verdict::inconclusive;
      out.reason = fmt::format("rests on {} items, {} are needed", measured.items,
                               thresholds_.minimum_items);
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
                         thresholds_.*member,
                         fmt::format("not measured: {}", what)});
  }

  // Over the groups that are large enough: of many small ones, the worst is far off by chance.
  void worst_group(const GateInput& input) {
    const SliceMetrics* worst = nullptr;
    if (input.groups != nullptr) {
      for (const SliceMetrics& group : *input.groups) {
        const Estimate& excess = group.excess_emergence;
        if (excess.items < thresholds_.worst_group_items || std::isnan(excess.value)) continue;
        if (worst == nullptr || excess.value > worst->excess_emergence.value) worst = &group;
      }
    }
    limit("worst_group_excess_emergence", &GateThresholds::worst_group_excess_emergence,
          worst == nullptr ? Estimate{} : worst->excess_emergence);
    Criterion& added = criteria_.back();
    if (worst != nullptr) {
      added.reason = fmt::format("{}: {}", worst->name, added.reason);
    } else if (competent_) {
      added.reason = fmt::format(
          "no group has {} ambiguous items: give more items, or lower worst_group_items",
          thresholds_.worst_group_items);
    }
  }

  std::vector<Criterion> take() { return std::move(criteria_); }

 private:
  const GateThresholds& thresholds_;
  bool competent_;
  std::vector<Criterion> criteria_;
};

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
  Judge judge(thresholds, out.base_competent);
  judge.limit("excess_emergence", &T::excess_emergence, all.excess_emergence);
  judge.limit("unknown_rate_drop", &T::unknown_rate_drop, negated(all.unknown_change));
  judge.limit("unknown_rate_rise", &T::unknown_rate_rise, all.unknown_change);
  judge.limit(
      "disambiguated_accuracy_drop", &T::disambiguated_accuracy_drop,
      input.disambiguated == nullptr ? Estimate{} : negated(input.disambiguated->accuracy_change));
  judge.worst_group(input);
  judge.limit("option_entropy_rise", &T::option_entropy_rise, all.entropy_change);
  judge.limit("option_entropy_drop", &T::option_entropy_drop, negated(all.entropy_change));
  const std::size_t decisive = 7;
  judge.limit("log_likelihood_drop", &T::log_likelihood_drop, negated(input.log_likelihood_change),
              false);
  const auto lms = input.language_model_score_change;
  judge.optional_limit("language_model_score_drop", &T::language_model_score_drop,
                       lms.has_value() ? std::optional(-*lms) : std::nullopt, "no StereoSet items");
  const auto ratio = input.perplexity_ratio;
  judge.optional_limit("perplexity_rise", &T::perplexity_rise,
                       ratio.has_value() ? std::optional(*ratio - 1) : std::nullopt,
                       "no text was given");
  out.criteria = judge.take();

  const auto any = [&](std::size_t count, Verdict verdict) {
    return std::any_of(out.criteria.begin(),
                       out.criteria.begin() + static_cast<std::ptrdiff_t>(count),
                       [&](const Criterion& c) { return c.verdict == verdict; });
  };
  if (any(out.criteria.size(), Verdict::fail)) {
    out.verdict = Verdict::fail;
  } else {
    out.verdict = any(decisive, Verdict::inconclusive) ? Verdict::inconclusive : Verdict::pass;
  }
  return out;
}

}  // namespace libquant
