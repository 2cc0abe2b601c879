#include "libquant/algorithms/metric.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

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
  for (double next = std::max(2 * damping, kFirstStep); next < 1; next *= 2) steps.push_back(next);
  const double highest = steps.back();
  for (int k = 0; k < kFloorSteps; ++k)
    steps.push_back(highest + kFirstFloor * std::pow(10.0, k) * max_over_mean);
  return steps;
}

struct DiagonalSummary {
  double mean = 0;  // of the live columns
  double max = 0;
  bool usable = false;
};

DiagonalSummary summarize(std::span<const double> diagonal) {
  DiagonalSummary summary{.usable = true};
  std::size_t live = 0;
  for (const double value : diagonal) {
    if (!(value >= 0) || !std::isfinite(value)) summary.usable = false;
    if (value == 0) continue;
    ++live;
    summary.mean += value;
    summary.max = std::max(summary.max, value);
  }
  if (live > 0) summary.mean /= static_cast<double>(live);
  return summary;
}

void climb(std::span<const double> lower, const DiagonalSummary& diagonal, double damping,
           Factor& factor) {
  for (const double step : ladder(damping, diagonal.max / diagonal.mean)) {
    ++factor.attempts;
    factor.damping = step;
    factor.upper = inverse_factor(lower, factor.order, step * diagonal.mean, diagonal.mean);
    if (!factor.upper.empty()) return;
  }
  factor.failure =
      fmt::format("the Hessian is not positive definite with damping {:.3g} ({} tried)",
                  factor.damping, factor.attempts);
}

}  // namespace

Metric::Metric(const Hessian& hessian)
    : Metric(hessian.lower(), hessian.size(), hessian.tokens()) {}

Metric::Metric(std::span<const double> lower, std::size_t size, std::size_t tokens)
    : lower_(lower), size_(size), tokens_(tokens), diagonal_(size) {
  require(size <= std::numeric_limits<std::uint32_t>::max() && lower.size() == size * size,
          "a metric of {} inputs needs {} x {} values, {} were given", size, size, size,
          lower.size());
  for (std::size_t i = 0; i < size; ++i) diagonal_[i] = lower[i * size + i];
  dead_ = static_cast<std::size_t>(std::ranges::count(diagonal_, 0.0));
}

const Factor& Metric::factor(ActOrder order, std::size_t group_columns, double damping) {
  require(damping >= 0 && damping < 1, "damping {}: expected 0 <= damping < 1", damping);
  // Only the group-aware order depends on the group.
  const Key key{order, order == ActOrder::group ? group_columns : 0, damping};
  if (factor_ && key_ == key) return *factor_;
  auto made = std::make_unique<Factor>();
  factor_.reset();
  made->order = visiting_order(diagonal_, order, group_columns);
  const DiagonalSummary summary = summarize(diagonal_);
  if (!summary.usable) {
    made->failure = "the Hessian's diagonal has negative or non-finite entries";
  } else if (summary.mean == 0) {
    made->failure = tokens_ == 0 ? "no calibration token reached this layer"
                                 : "every input was zero in every calibration token";
  } else {
    climb(lower_, summary, damping, *made);
  }
  key_ = key;
  factor_ = std::move(made);
  return *factor_;
}

}  // namespace libquant
