#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "libquant/algorithms/metric.h"
#include "libquant/core/matrix.h"
#include "libquant/linalg/hessian.h"

namespace libquant {

/// A second quadratic term beside the reconstruction of a layer.
struct QuadraticTerm {
  std::span<const double> lower;  ///< H_D, lower triangle, row-major [size x size]
  /// alpha: relative to the layer, alpha = strength * tr(H) / tr(H_D), or as it stands.
  double strength = 0;
  bool relative = true;
  double keep = 1;  ///< gamma
};

/// The quadratic family that every layer-wise method minimises:
///
///     J(Q) = tr((Q-W) H (Q-W)^T) + alpha tr((Q - gamma W) H_D (Q - gamma W)^T) + lambda |Q-W|^2
///          = tr((Q-W*) S (Q-W*)^T) + constant,    S = H + alpha H_D + lambda I,
///     W* = W - (1-gamma) alpha W H_D S^-1,
///
/// so a method needs a metric and a target, nothing else. H_D of trace zero (pair differences
/// before the first attention) is left out, and said to be. Holds S.
class QuadraticObjective {
 public:
  /// Closes the Hessian's open chunk. InvalidArgument for sizes that differ, strengths that are
  /// negative or not finite; Error for a term that is not finite.
  QuadraticObjective(const Hessian& hessian, const QuadraticTerm& term);
  QuadraticObjective(const QuadraticObjective&) = delete;
  QuadraticObjective& operator=(const QuadraticObjective&) = delete;

  /// S without lambda, which Metric::factor adds.
  Metric& metric() noexcept { return metric_; }
  double alpha() const noexcept { return alpha_; }              ///< as used; 0 where left out
  double trace_ratio() const noexcept { return trace_ratio_; }  ///< tr(H_D) / tr(H)
  bool skipped() const noexcept { return skipped_; }            ///< H_D has trace zero

  /// W* with the lambda that `factor` (of this metric) was made with; W where gamma is 1, the term
  /// is left out or the factor failed.
  Matrix target(ConstMatrixView weights, const Factor& factor) const;

 private:
  QuadraticTerm term_;
  std::size_t size_;
  std::vector<double> sum_;
  double alpha_ = 0, trace_ratio_ = 0;
  bool skipped_ = false;
  Metric metric_;
};

/// W - alpha W H_D A^-1 for the A that `factor` belongs to, in double, rounded once.
Matrix moved_weights(ConstMatrixView weights, std::span<const double> lower, double alpha,
                     const Factor& factor);

}  // namespace libquant
