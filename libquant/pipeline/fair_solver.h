#pragma once

#include <cstddef>

#include "libquant/algorithms/quadratic.h"
#include "libquant/algorithms/quantize_layer.h"
#include "libquant/pipeline/fair_statistics.h"
#include "libquant/pipeline/layer_pattern.h"
#include "libquant/pipeline/layer_plan.h"

namespace libquant {

/// Quantizes layers under H with the fairness term beside it.
class FairSolver {
 public:
  /// All arguments must outlive it; `windows` are the sequences that H rests on.
  FairSolver(const FairnessOptions& options, const FairPreparation& fair,
             const FairStatistics& statistics, std::size_t windows);

  /// As quantize_layer, with a report of what the term did. `plain` is the metric of `hessian`.
  LayerResult quantize(const PlannedLayer& layer, ConstMatrixView weights, const Hessian& hessian,
                       Metric& plain, FairLayerReport& report) const;

 private:
  QuadraticTerm term(const PlannedLayer& layer, std::span<const double> lower) const;

  const FairnessOptions& options_;
  const FairPreparation& fair_;
  const FairStatistics& statistics_;
  double windows_;
  LayerPattern scope_;
};

}  // namespace libquant
