#pragma once

#include <cstdint>
#include <span>

#include "libquant/quant/scheme.h"

namespace libquant {

/// Parameters of one group. `zero` is an integer for symmetric and asymmetric grids (held exactly).
struct GroupParameters {
  float scale = 1;
  std::uint8_t zero = 0;
  float minimum = 0;
};

/// MSE clip search: the range is shrunk in `steps` steps down to (1 - max_shrink) of itself; the
/// one with the least sum of |error|^norm, weighted by `weights` when given, wins. steps = 0: no
/// search.
struct ClipSearch {
  int steps = 0;
  double max_shrink = 0.8;
  double norm = 2.4;
};

/// Fits scale and zero to the values of one group: full-range min/max, then the clip search. Scales
/// are rounded to their stored type before errors are measured. All-equal and all-zero groups are
/// exact where the grid can represent them. `weights` (empty, or one per value) weight the error.
GroupParameters fit_group(std::span<const double> values, std::span<const double> weights,
                          const Scheme& scheme, const ClipSearch& clip);

/// Nearest code and its value; computed in double from the stored (rounded) parameters.
std::uint8_t nearest_code(double value, const GroupParameters& parameters,
                          const Scheme& scheme) noexcept;
double code_value(std::uint8_t code, const GroupParameters& parameters,
                  const Scheme& scheme) noexcept;

}  // namespace libquant
