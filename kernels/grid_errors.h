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

/// What a least-squares fit of scale and offset to the codes of one grid needs: sums over i of
/// w = weights[i] times powers of q = code - zero and v = values[i].
struct GridSums {
  double error;  ///< w (scale * code + offset - v)^2
  double w, wq, wqq, wv, wqv;
};

/// Sums of the grid scale * code + offset, codes in [0, max_code]; `zero` is what q counts from.
/// Lanes are added up at the end: the order depends on `count` and the instruction set only.
GridSums grid_sums_f64(std::size_t count, const double* values, const double* weights, double scale,
                       double offset, double max_code, double zero) noexcept;

}  // namespace libquant::kernels
