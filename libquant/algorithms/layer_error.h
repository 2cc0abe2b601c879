#pragma once

#include <cstddef>
#include <span>

#include "libquant/algorithms/metric.h"
#include "libquant/core/matrix.h"
#include "libquant/quant/quantized_matrix.h"

namespace libquant {

/// sum_r d_r S d_r^T over the rows of D[rows x size]; S, positive semidefinite, from its lower
/// triangle. D S in fp32, with S rounded to it, the rest in double: docs/numerics.md bounds the
/// error.
double quadratic_form(std::span<const double> lower, std::size_t size, const float* d,
                      std::size_t rows);

/// tr((Q-W) S (Q-W)^T), or |Q-W|^2 without a metric. Q is what a reader of the file gets (fp32).
double layer_error(ConstMatrixView weights, const QuantizedMatrix& matrix, const Metric* metric);
/// The same for a diagonal S, in double throughout.
double diagonal_error(ConstMatrixView weights, const QuantizedMatrix& matrix,
                      std::span<const double> diagonal);
/// tr(W S W^T), or |W|^2: what errors are reported relative to.
double layer_norm(ConstMatrixView weights, const Metric* metric);

}  // namespace libquant
