#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "libquant/pipeline/fair_prepare.h"
#include "libquant/pipeline/layer_plan.h"

namespace libquant {

/// Everything decided and checked before the first computation.
struct Prepared {
  LayerPlan layers;
  CalibrationSet calibration;             ///< empty where no forward pass is needed
  std::unique_ptr<FairPreparation> fair;  ///< null where no fairness term is asked for
  std::vector<std::int32_t> held_out;     ///< where settings are searched: windows of kTrialWindow
  QuantizePlan plan;
};

/// Tokens of a window of the text that trials of a search are judged on.
inline constexpr std::size_t kTrialWindow = 128;

Prepared prepare(const Checkpoint& source, const QuantizeOptions& options);

/// Reads every tensor once; throws InvalidArgument naming the one that holds a value that is not
/// finite, before hours have gone into the blocks in front of it.
void check_finite_weights(const Checkpoint& source);

}  // namespace libquant
