#pragma once

#include <cstdint>
#include <span>

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

/// Parameters of several grids, one array per field: see GroupParameters.
struct ParameterArrays {
  float* scale;
  std::uint8_t* zero;
  float* minimum;
};

/// Parameters that span the range shrunk to each of `parts` of itself: towards zero, or for the
/// minimum kind towards its middle. All fields are written.
void spanning(Range range, std::span<const double> parts, const Scheme& scheme,
              ParameterArrays into) noexcept;
/// For one part.
GroupParameters spanning(Range range, double part, const Scheme& scheme) noexcept;

/// Parameters for a group whose values all equal `value`.
GroupParameters for_constant(double value, const Scheme& scheme) noexcept;

}  // namespace libquant
