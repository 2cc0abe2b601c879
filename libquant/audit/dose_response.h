#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libquant/audit/comparison.h"
#include "libquant/audit/slice_metrics.h"

namespace libquant {

/// One model's answers at one width.
struct DoseLevel {
  double bits = 0;
  std::span<const ItemComparison> items;
  Side side = Side::quantized;  ///< base: the original at its own width
};

/// The fitted share of an outcome at one width, categories in their mean proportions.
struct CurvePoint {
  double bits = 0, value = 0;
  Interval interval;
};

/// Study 2605.15208's regression, with the errors that it lacks: logit p(outcome) = const + bits +
/// category, over ambiguous items at every level, errors clustered by template. A negative
/// coefficient: fewer bits, more of the outcome.
struct DoseFit {
  Estimate coefficient;  ///< change of the log odds per bit; `items` is the number of answers
  double p_value = kNoValue;
  std::size_t clusters = 0, levels = 0;
  std::vector<CurvePoint> curve;  ///< from the smallest to the largest width
  std::string problem;            ///< why there is no fit: too few levels, or no variation
};

/// Fits how often `role` is chosen.
DoseFit fit_dose_response(std::span<const DoseLevel> levels, OptionRole role, double level);

}  // namespace libquant
