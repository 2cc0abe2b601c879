#include "kernels/grid_errors.h"

#include "kernels/cpu/dispatch.h"

namespace libquant::kernels {

void grid_errors_f64(std::size_t count, const double* values, const double* weights,
                     const GridCandidates& grids, double* errors) noexcept {
  active().grid_errors(count, values, weights, grids, errors);
}

GridSums grid_sums_f64(std::size_t count, const double* values, const double* weights, double scale,
                       double offset, double max_code, double zero) noexcept {
  return active().grid_sums(count, values, weights, scale, offset, max_code, zero);
}

}  // namespace libquant::kernels
