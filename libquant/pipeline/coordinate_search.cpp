#include "libquant/pipeline/coordinate_search.h"

#include <algorithm>

namespace libquant {
namespace {

constexpr std::size_t kCoordinates = 4;

// A term of strength 0 is none, wherever it is not.
TrialSettings plain(TrialSettings settings) {
  if (settings.strength == 0) settings.scope = TermScope::all;
  return settings;
}

}  // namespace

CoordinateSearch::CoordinateSearch(const TrialSettings& start, const SearchOptions& options,
                                   bool fixed_scope)
    : start_(plain(start)), options_(options), fixed_scope_(fixed_scope) {}

std::size_t CoordinateSearch::best() const {
  const auto least = std::min_element(tried_.begin(), tried_.end(),
                                      [](const auto& a, const auto& b) { return a.loss < b.loss; });
  return static_cast<std::size_t>(least - tried_.begin());
}

void CoordinateSearch::record(const TrialSettings& settings, double loss) {
  tried_.push_back({plain(settings), loss});
}

bool CoordinateSearch::is_new(const TrialSettings& settings) const {
  return std::none_of(tried_.begin(), tried_.end(),
                      [&](const Tried& t) { return t.settings == settings; });
}

std::vector<TrialSettings> CoordinateSearch::line(std::size_t coordinate) const {
  std::vector<TrialSettings> settings;
  const auto vary = [&](auto TrialSettings::*member, auto value) {
    settings.push_back(tried_[best()].settings);
    settings.back().*member = value;
    settings.back() = plain(settings.back());
  };
  if (coordinate == 0) {
    for (const double value : options_.strengths) vary(&TrialSettings::strength, value);
    if (!options_.strengths.empty()) vary(&TrialSettings::strength, start_.strength);
  } else if (coordinate == 1 && !fixed_scope_) {
    for (const TermScope value : options_.scopes) vary(&TrialSettings::scope, value);
    if (!options_.scopes.empty()) vary(&TrialSettings::scope, start_.scope);
  } else if (coordinate == 2 && !options_.clip_norms.empty()) {
    for (const bool value : {true, false}) vary(&TrialSettings::clip_weighted, value);
  } else if (coordinate == 3) {
    for (const double value : options_.clip_norms) vary(&TrialSettings::clip_norm, value);
    if (!options_.clip_norms.empty()) vary(&TrialSettings::clip_norm, start_.clip_norm);
  }
  return settings;
}

std::optional<TrialSettings> CoordinateSearch::next() {
  if (tried_.size() >= options_.trials) return std::nullopt;
  if (tried_.empty()) return start_;
  for (std::size_t turned = 0; turned <= kCoordinates; ++turned) {
    for (const TrialSettings& settings : line(coordinate_))
      if (is_new(settings)) return settings;
    coordinate_ = (coordinate_ + 1) % kCoordinates;
  }
  return std::nullopt;
}

}  // namespace libquant
