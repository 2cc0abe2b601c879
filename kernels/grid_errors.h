#pragma once

#include <cstddef>

namespace libquant::kernels {

/// Quantization grids to choose from: candidate k holds the values scale[k] * code + offset[k] for
/// integer codes in [0, max_code], max_code < 2^51; inverse[k] = 1 / scale[k].
struct GridCandidates {
  std::size_t count;
  const double* scale;
  const double* inverse;
  const double* offset;
  double max_code;
};

/// errors[k] = sum_i weights[i] * (nearest value of grid k - values[i])^2, summed in the order of
/// i; `weights` may be nullptr for 1. Runs on the calling thread: groups are many and small.
void grid_errors_f64(std::size_t count, const double* values, const double* weights,
                     const GridCandidates& grids, double* errors) noexcept;

}  // namespace libquant::kernels
