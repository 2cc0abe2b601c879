#pragma once

#include <cstddef>

#include "libquant/algorithms/metric.h"
#include "libquant/core/matrix.h"
#include "libquant/quant/quantized_matrix.h"

namespace libquant {

/// What a refit did; errors are sums over rows of (q-w) (S + lambda I) (q-w)^T.
struct ScaleRefit {
  std::size_t rows = 0;  ///< with new parameters
  double before = 0, after = 0;
};

/// Refits the group scales of every row (and the minimums of ZeroKind::minimum) with all codes and
/// integer zeros as they are. A row is q = sum_k p_k v_k: p its scales and minimums, v_k the codes
/// of one group less their zero, or ones; so
///
///     (q-w) (S + lambda I) (q-w)^T,   lambda = damping x mean(diag S),
///
/// is least for A (p' - p) = -V (S + lambda I) (q-w)^T with A = V (S + lambda I) V^T, solved in
/// double with 1e-6 of A's diagonal added to it. The error left between groups is what GPTQ, which
/// fits each group before it knows its codes, cannot see. New parameters are rounded to their
/// stored type; a row keeps its old ones unless the new are positive scales with a smaller error
/// after rounding. `matrix` has contiguous groups (no group_of). Columns that were always 0 weigh
/// as in Metric::importance. Costs about three halves of rows x cols^2 multiply-adds in double.
/// Deterministic at any thread count.
ScaleRefit refit_scales(ConstMatrixView weights, const Metric& metric, double damping,
                        QuantizedMatrix& matrix);

/// Memory that it takes beside its arguments.
double refit_bytes(const Scheme& scheme, std::size_t rows, std::size_t cols);

}  // namespace libquant
