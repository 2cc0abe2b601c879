#pragma once

#include <cstdint>
#include <span>

#include "libquant/quant/scheme.h"

namespace libquant {

/// Parameters of one group. `zero` is an integer for symmetric and asymmetric grids (held exactly).
/// `scale` is positive in everything that libquant fits; files may hold others.
struct GroupParameters {
  float scale = 1;
  std::uint8_t zero = 0;
  float minimum = 0;

  friend bool operator==(const GroupParameters&, const GroupParameters&) = default;
};

/// MSE clip search: the range is shrunk in `steps` equal steps down to (1 - max_shrink) of itself;
/// the one with the least sum of |error|^norm, weighted by `weights` when given, wins, the wider of
/// equals. From there scale (and minimum) are refitted to the chosen codes by weighted least
/// squares while that lowers the sum. steps = 0: no search. Symmetric and asymmetric ranges shrink
/// towards zero, the minimum kind towards its middle.
struct ClipSearch {
  int steps = 0;  ///< at most 255; 20 come within 0.3 % of the error of 160
  double max_shrink = 0.6;
  double norm = 2;  ///< others take several times longer
  /// quantize_layer: weight errors by what the metric says of their column: RTN by its diagonal,
  /// GPTQ by 1 / U_ii^2, the price of an error there once the later columns have made up for it.
  bool weighted = false;

  friend bool operator==(const ClipSearch&, const ClipSearch&) = default;
};

/// Throws InvalidArgument unless the numbers make sense.
void check_clip(const ClipSearch& clip);

/// Fits scale and zero to the values of one group: full-range min/max, then the clip search.
/// Scales and minimums are rounded to their stored type before codes and errors are computed, are
/// never zero, infinite or NaN (they saturate at the ends of the type), and scales are positive.
///
/// - symmetric: scale = 2 max|w| / (2^bits - 1) whatever the signs are, so that either end of the
///   values is at most half a step outside [-2^(bits-1), 2^(bits-1) - 1] (B1's references lose half
///   the range of all-positive groups). The search also tries the scale that makes the largest
///   positive value exact.
/// - asymmetric: the range always includes 0, zero is the nearest integer, kept in
///   [scheme.zero_min, 2^bits - 1]; where the bound moves it the scale grows to keep the range.
/// - minimum: scale and minimum span [min, max] of the values.
///
/// All-zero groups are exact. Groups of one equal value are exact where some scale of the stored
/// type allows it; of those the finest is taken. `weights`: empty, or one per value. `values` must
/// be finite and not empty, `clip` as check_clip wants it. Allocates nothing.
GroupParameters fit_group(std::span<const double> values, std::span<const double> weights,
                          const Scheme& scheme, const ClipSearch& clip) noexcept;

/// Nearest code (ties to the even step) and its value; in double from the stored parameters.
std::uint8_t nearest_code(double value, const GroupParameters& parameters,
                          const Scheme& scheme) noexcept;
double code_value(std::uint8_t code, const GroupParameters& parameters,
                  const Scheme& scheme) noexcept;

}  // namespace libquant
