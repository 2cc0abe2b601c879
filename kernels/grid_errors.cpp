#include "kernels/grid_errors.h"

#include "kernels/cpu/dispatch.h"

namespace libquant::kernels {

void grid_errors_f64(std::size_t count, const double* values, const double* weights,
                     const GridCandidates& grids, double* errors) noexcept {
  active().grid_errors(count, values, weights, grids, errors);
}

}  // namespace libquant::kernels
