#include "libquant/fairness/options.h"

#include <array>
#include <cmath>
#include <span>

#include "libquant/core/error.h"

namespace libquant {
namespace {

template <typename T>
struct Name {
  T value;
  std::string_view text;
};
// Clang 14 does not deduce an aggregate's arguments.
template <typename T>
Name(T, const char*) -> Name<T>;
constexpr std::array kStatistics{Name{ProbeStatistic::sensitivity, "sensitivity"},
                                 Name{ProbeStatistic::second_moments, "second_moments"},
                                 Name{ProbeStatistic::pair_differences, "pair_differences"},
                                 Name{ProbeStatistic::neutral, "neutral"}};
constexpr std::array kControls{Name{ProbeControl::none, "none"},
                               Name{ProbeControl::shuffle_options, "shuffle_options"},
                               Name{ProbeControl::shuffle_pairs, "shuffle_pairs"}};
constexpr std::array kModes{Name{FairnessMode::quadratic, "quadratic"},
                            Name{FairnessMode::fair_gptq_2509_15206, "fair-gptq-2509.15206"}};
constexpr std::array kScopes{Name{TermScope::all, "all"}, Name{TermScope::attention, "attention"},
                             Name{TermScope::mlp, "mlp"}, Name{TermScope::first_half, "first_half"},
                             Name{TermScope::second_half, "second_half"}};

template <typename T>
T value_named(std::span<const Name<T>> names, const char* what, std::string_view text) {
  std::string known;
  for (const auto& name : names) {
    if (name.text == text) return name.value;
    known += (known.empty() ? "" : ", ") + std::string(name.text);
  }
  fail<InvalidArgument>("unknown {} \"{}\"; known: {}", what, text, known);
}

void check_search(const FairnessOptions& o) {
  const SearchOptions& s = o.search;
  if (s.trials == 0) return;
  require(o.statistic != ProbeStatistic::neutral || !o.probes.empty(),
          "a search of settings needs probes to judge them by");
  require(s.text_windows > 0, "a search of settings needs text to judge them by");
  for (const double weight : {s.kl_weight, s.shift_weight, s.abstention_weight})
    require(std::isfinite(weight) && weight >= 0,
            "a weight in the loss of a search is {}, expected >= 0", weight);
  for (const double strength : s.strengths)
    require(std::isfinite(strength) && strength >= 0,
            "a fairness strength to be tried is {}, expected >= 0", strength);
  for (const double norm : s.clip_norms)
    require(std::isfinite(norm) && norm > 0, "a clip norm to be tried is {}, expected > 0", norm);
}

}  // namespace

std::string_view to_string(ProbeStatistic statistic) noexcept {
  return kStatistics[static_cast<std::size_t>(statistic)].text;
}
ProbeStatistic probe_statistic_from(std::string_view name) {
  return value_named<ProbeStatistic>(kStatistics, "fairness statistic", name);
}
std::string_view to_string(ProbeControl control) noexcept {
  return kControls[static_cast<std::size_t>(control)].text;
}
ProbeControl probe_control_from(std::string_view name) {
  return value_named<ProbeControl>(kControls, "fairness control", name);
}
std::string_view to_string(FairnessMode mode) noexcept {
  return kModes[static_cast<std::size_t>(mode)].text;
}
FairnessMode fairness_mode_from(std::string_view name) {
  return value_named<FairnessMode>(kModes, "fairness mode", name);
}

std::string_view to_string(TermScope scope) noexcept {
  return kScopes[static_cast<std::size_t>(scope)].text;
}
TermScope term_scope_from(std::string_view name) {
  return value_named<TermScope>(kScopes, "scope of a fairness term", name);
}

void check_fairness(const FairnessOptions& o) {
  require(std::isfinite(o.strength) && o.strength >= 0, "fairness strength is {}, expected >= 0",
          o.strength);
  require(o.keep >= 0 && o.keep <= 1, "fairness keep is {}, expected 0 (erase) to 1 (preserve)",
          o.keep);
  require(o.answers || o.letters || o.sentences,
          "fairness: neither answers nor letters nor sentences are to be used");
  const bool published = o.mode == FairnessMode::fair_gptq_2509_15206;
  require(!published || o.statistic == ProbeStatistic::pair_differences,
          "fairness mode {} needs the statistic pair_differences", to_string(o.mode));
  require(o.keep == 1 || o.statistic == ProbeStatistic::pair_differences,
          "fairness: keep < 1 erases differences between pairs, so it needs the statistic "
          "pair_differences, found {}",
          to_string(o.statistic));
  check_search(o);
}

}  // namespace libquant
