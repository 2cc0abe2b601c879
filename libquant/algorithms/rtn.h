#pragma once

#include <span>

#include "libquant/core/matrix.h"
#include "libquant/quant/grid.h"
#include "libquant/quant/quantized_matrix.h"
#include "libquant/quant/scheme.h"

namespace libquant {

/// Round to nearest: every group fitted on its own values, every weight to the nearest code.
/// `importance` (empty, or one per column) weights the clip search. Checks nothing beyond the
/// scheme: weights must be finite.
QuantizedMatrix round_to_nearest(ConstMatrixView weights, std::span<const double> importance,
                                 const Scheme& scheme, const ClipSearch& clip);

}  // namespace libquant
