#pragma once

#include <span>

#include "libquant/core/matrix.h"
#include "libquant/quant/quantized_matrix.h"

namespace libquant {

/// From dL/dW of the dequantized W = scale * (code - zero) or scale * code + minimum, row by row
/// and group by group, each [rows x groups], summed in double:
///
///     dL/dscale = sum_c dL/dW_c (code_c - zero),    dL/dminimum = sum_c dL/dW_c,
///
/// with codes and integer zeros as constants. `minimums` is empty for other kinds than minimum.
/// InvalidArgument for sizes that differ. Deterministic at any thread count.
void parameter_gradient(ConstMatrixView of_weights, const QuantizedMatrix& matrix,
                        std::span<double> scales, std::span<double> minimums);

}  // namespace libquant
