#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "libquant/fairness/options.h"
#include "libquant/pipeline/search_report.h"

namespace libquant {

/// Which settings to try next, from the losses of those tried: one coordinate after another
/// (strength, scope, weighting of the clip search, its norm), every value of it with the others as
/// in the best trial so far, and round again until a whole round brings nothing new. Knows nothing
/// of models. Deterministic.
class CoordinateSearch {
 public:
  /// `fixed_scope`: scopes are not searched.
  CoordinateSearch(const TrialSettings& start, const SearchOptions& options, bool fixed_scope);

  /// Empty when the budget is spent or nothing is left to try. Record its loss before asking again.
  std::optional<TrialSettings> next();
  void record(const TrialSettings& settings, double loss);

  std::size_t tried() const noexcept { return tried_.size(); }
  /// Index of the trial with the least loss, the first of equals; needs one.
  std::size_t best() const;

 private:
  struct Tried {
    TrialSettings settings;
    double loss;
  };
  std::vector<TrialSettings> line(std::size_t coordinate) const;
  bool is_new(const TrialSettings& settings) const;

  TrialSettings start_;
  SearchOptions options_;
  bool fixed_scope_;
  std::size_t coordinate_ = 0;
  std::vector<Tried> tried_;
};

}  // namespace libquant
