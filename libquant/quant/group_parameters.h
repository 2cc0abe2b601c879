#pragma once

#include "libquant/quant/grid.h"
#include "libquant/quant/scheme.h"

namespace libquant {

struct Range {
  double low;
  double high;
};

/// To the stored type, saturating: never infinite; a scale is also never below the least positive.
float stored(double value, ScaleType type) noexcept;
float stored_scale(double value, ScaleType type) noexcept;

/// Symmetric parameters with this scale.
GroupParameters symmetric_parameters(double scale, const Scheme& scheme) noexcept;

/// Parameters that span the range shrunk to `part` of itself: towards zero, or for the minimum kind
/// towards its middle.
GroupParameters spanning(Range range, double part, const Scheme& scheme) noexcept;

/// Parameters for a group whose values all equal `value`.
GroupParameters for_constant(double value, const Scheme& scheme) noexcept;

}  // namespace libquant
