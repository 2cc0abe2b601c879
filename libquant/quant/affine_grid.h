#pragma once

#include <cstdint>

#include "libquant/quant/grid.h"
#include "libquant/quant/scheme.h"

namespace libquant {

/// To the nearest integer, ties to even, for |value| < 2^51. Adding and taking away 1.5 * 2^52
/// leaves no fraction bits; unlike std::nearbyint it vectorises on every target.
inline double round_even(double value) noexcept {
  constexpr double kShift = 0x1.8p52;
  return (value + kShift) - kShift;
}

/// One group's grid as value = scale * code + offset in double, with the reciprocal at hand. The
/// offset of an integer zero, -scale * zero, is exact: 24 + 8 bits.
struct AffineGrid {
  double scale;
  double inverse;
  double offset;
  double max_code;

  AffineGrid(const GroupParameters& parameters, const Scheme& scheme) noexcept
      : scale(parameters.scale),
        inverse(1.0 / scale),
        offset(scheme.zero == ZeroKind::minimum ? double{parameters.minimum}
                                                : -scale * parameters.zero),
        max_code(scheme.max_code()) {}

  /// The nearest code as a double: an integer in [0, max_code].
  double code(double value) const noexcept {
    double steps = (value - offset) * inverse;
    steps = steps < max_code ? steps : max_code;
    steps = steps > 0 ? steps : 0;
    return round_even(steps);
  }
  double value(double code) const noexcept { return scale * code + offset; }
};

}  // namespace libquant
