#pragma once

#include "libquant/pipeline/layer_plan.h"

namespace libquant {

/// Everything decided and checked before the first computation.
struct Prepared {
  LayerPlan layers;
  CalibrationSet calibration;  ///< empty where no forward pass is needed
  QuantizePlan plan;
};

Prepared prepare(const Checkpoint& source, const QuantizeOptions& options);

/// Throws InvalidArgument naming the tensor when one that is not quantized (embeddings, norms,
/// biases, ignored layers) holds a value that is not finite; quantized ones are checked on the way.
void check_finite_weights(const Checkpoint& source, const LayerPlan& plan);

}  // namespace libquant
