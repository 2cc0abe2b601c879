#include "libquant/algorithms/metric.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "libquant/core/error.h"
#include "libquant/linalg/factor.h"

namespace libquant {
namespace {

constexpr double kFirstStep = 0.01;
constexpr int kFloorSteps = 6;
constexpr double kFirstFloor = 1e-6;

/// Ridges of the damping ladder, as fractions of the mean of the diagonal.
std::vector<double> ladder(double damping, double max_over_mean) {
  std::vector<double> steps{damping};
  double next = std::max(2 * damping, kFirstStep);
  while (next < 1) {
    steps.push_back(next);
    next *= 2;
  }
  const double highest = steps.back();
  for (int k = 0; k < kFloorSteps; ++k)
    steps.push_back(highest + kFirstFloor * std::pow(10.0, k) * max_over_mean);
  return steps;
}

}  // namespace

Metric::Metric(const Hessian& hessian)
    : Metric(hessian.lower(), hessian.size(), hessian.tokens()) {}

Metric::Metric(std::span<const double> lower, std::size_t size, std::size_t tokens)
    : lower_(lower), size_(size), tokens_(tokens), diagonal_(size) {
  require(size <= std::numeric_limits<std::uint32_t>::max() && lower.size() == size * size,
          "a metric of {} inputs needs {} x {} values, {} were given", size, size, size,
          lower.size());
  for (std::size_t i = 0; i < size; ++i) {
    const double value = lower[i * size + i];
    diagonal_[i] = value;
    if (!(value >= 0) || !std::isfinite(value)) usable_ = false;
    if (value == 0) ++dead_;
    mean_ += value;
    max_ = std::max(max_, value);
  }
  if (dead_ < size) mean_ /= static_cast<double>(size - dead_);
}

std::vector<double> Metric::importance(double damping) const {
  std::vector<double> found(diagonal_);
  for (double& value : found) value = (value == 0 ? mean_ : value) + damping * mean_;
  return found;
}

const Factor& Metric::factor(ActOrder order, std::size_t group_columns, double damping) {
  require(damping >= 0 && damping < 1, "damping {}: expected 0 <= damping < 1", damping);
  // Only the group-aware order depends on the group.
  const Key key{order, order == ActOrder::group ? group_columns : 0, damping};
  if (factor_ && key_ == key) return *factor_;
  factor_.reset();  // before the next one is made: each holds size^2 doubles
  auto made = std::make_unique<Factor>();
  made->order = visiting_order(diagonal_, order, group_columns);
  if (!usable_) {
    made->failure = "the Hessian's diagonal has negative or non-finite entries";
  } else if (mean_ == 0) {
    made->failure = tokens_ == 0 ? "no calibration token reached this layer"
                                 : "every input was zero in every calibration token";
  } else {
    climb(damping, *made);
  }
  key_ = key;
  factor_ = std::move(made);
  return *factor_;
}

void Metric::climb(double damping, Factor& factor) const {
  for (const double step : ladder(damping, max_ / mean_)) {
    ++factor.attempts;
    factor.damping = step;
    factor.upper = inverse_factor(lower_, factor.order, step * mean_, mean_);
    if (!factor.upper.empty()) return;
  }
  factor.failure =
      fmt::format("the Hessian is not positive definite with damping {:.3g} ({} tried)",
                  factor.damping, factor.attempts);
}

}  // namespace libquant
