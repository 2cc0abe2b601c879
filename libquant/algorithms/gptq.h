#pragma once

#include "libquant/algorithms/metric.h"
#include "libquant/core/matrix.h"
#include "libquant/quant/grid.h"
#include "libquant/quant/quantized_matrix.h"
#include "libquant/quant/scheme.h"

namespace libquant {

struct GptqOptions {
  Scheme scheme;
  ClipSearch clip;
  /// Group parameters are fitted before the first column, on the weights as given (needed where
  /// the order interleaves groups), instead of on the columns as already updated.
  bool static_groups = false;
  std::size_t block_columns = 128;  ///< rounded up to whole groups
};

/// GPTQ (Frantar et al. 2022, algorithm 1) in double: columns in the factor's order; the error of
/// each is spread over the later ones by rows of U, within a block at once and beyond it by one
/// matrix product. Groups never straddle a block, so their parameters see every earlier update.
/// A weighted clip search weights column i by 1 / U_ii^2: the sum of error^2 / U_ii^2 over the
/// columns as visited is tr((Q-W) (S + lambda I) (Q-W)^T). Threads over rows; the same bytes at any
/// count. Weights must be finite and the factor not failed. `error` gets that sum where it is
/// given.
QuantizedMatrix gptq(ConstMatrixView weights, const Factor& factor, const GptqOptions& options,
                     double* error = nullptr);

}  // namespace libquant
