#include "libquant/quant/clip_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "kernels/grid_errors.h"
#include "libquant/quant/affine_grid.h"

namespace libquant {
namespace {

// The unshrunk range, the steps, and the scale that makes the positive end exact.
constexpr std::size_t kMaxCandidates = kMaxClipSteps + 2;
constexpr int kMostRefits = 4;

class Group {
 public:
  Group(std::span<const double> values, std::span<const double> weights, const Scheme& scheme,
        double norm) noexcept
      : values_(values), weights_(weights), scheme_(scheme), norm_(norm) {}

  double weight(std::size_t i) const noexcept { return weights_.empty() ? 1.0 : weights_[i]; }

  double error(const GroupParameters& parameters) const noexcept {
    const AffineGrid grid(parameters, scheme_);
    double sum = 0;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const double miss = grid.value(grid.code(values_[i])) - values_[i];
      sum += weight(i) * std::pow(std::abs(miss), norm_);
    }
    return sum;
  }

  kernels::GridSums sums(const GroupParameters& parameters) const noexcept {
    const AffineGrid grid(parameters, scheme_);
    return kernels::grid_sums_f64(
        values_.size(), values_.data(), weights_.empty() ? nullptr : weights_.data(), grid.scale,
        grid.offset, grid.max_code, scheme_.zero == ZeroKind::minimum ? 0.0 : parameters.zero);
  }

  /// The scale (and minimum) with the least weighted squared error for the codes that `parameters`
  /// give, whose sums these are; `parameters` where there is none.
  GroupParameters refit(const GroupParameters& parameters,
                        const kernels::GridSums& sums) const noexcept {
    GroupParameters refitted = parameters;
    if (scheme_.zero != ZeroKind::minimum) {
      if (sums.wqv > 0) refitted.scale = stored_scale(sums.wqv / sums.wqq, scheme_.scale_type);
      return refitted;
    }
    const double slope =
        (sums.w * sums.wqv - sums.wq * sums.wv) / (sums.w * sums.wqq - sums.wq * sums.wq);
    if (!(slope > 0) || !std::isfinite(slope)) return parameters;
    refitted.scale = stored_scale(slope, scheme_.scale_type);
    refitted.minimum = stored((sums.wv - refitted.scale * sums.wq) / sums.w, scheme_.scale_type);
    return refitted;
  }

  std::span<const double> values() const noexcept { return values_; }
  std::span<const double> weights() const noexcept { return weights_; }
  const Scheme& scheme() const noexcept { return scheme_; }
  double norm() const noexcept { return norm_; }

 private:
  std::span<const double> values_;
  std::span<const double> weights_;
  const Scheme& scheme_;
  double norm_;
};

class Candidates {
 public:
  Candidates(Range range, const Scheme& scheme, const ClipSearch& clip) noexcept {
    for (int step = 0; step <= clip.steps; ++step)
      add(spanning(range, 1 - step * clip.max_shrink / clip.steps, scheme));
    if (scheme.zero == ZeroKind::symmetric && range.high >= -range.low)
      add(symmetric_parameters(range.high / (scheme.symmetric_zero() - 1), scheme));
  }

  const GroupParameters& best_for(const Group& group, double& least) noexcept {
    std::array<double, kMaxCandidates> errors;
    if (group.norm() == 2) {
      squared_errors(group, errors.data());
    } else {
      for (std::size_t k = 0; k < count_; ++k) errors[k] = group.error(parameters_[k]);
    }
    const auto end = errors.begin() + static_cast<std::ptrdiff_t>(count_);
    const auto best = std::min_element(errors.begin(), end);
    least = *best;
    return parameters_[static_cast<std::size_t>(best - errors.begin())];
  }

 private:
  void add(const GroupParameters& more) noexcept { parameters_[count_++] = more; }

  void squared_errors(const Group& group, double* errors) const noexcept {
    std::array<double, kMaxCandidates> scale, inverse, offset;
    for (std::size_t k = 0; k < count_; ++k) {
      const AffineGrid grid(parameters_[k], group.scheme());
      scale[k] = grid.scale;
      inverse[k] = grid.inverse;
      offset[k] = grid.offset;
    }
    kernels::grid_errors_f64(group.values().size(), group.values().data(),
                             group.weights().empty() ? nullptr : group.weights().data(),
                             {count_, scale.data(), inverse.data(), offset.data(),
                              static_cast<double>(group.scheme().max_code())},
                             errors);
  }

  std::array<GroupParameters, kMaxCandidates> parameters_;
  std::size_t count_ = 0;
};

}  // namespace

GroupParameters search_clip(std::span<const double> values, std::span<const double> weights,
                            Range range, const Scheme& scheme, const ClipSearch& clip) noexcept {
  const Group group(values, weights, scheme, clip.norm);
  Candidates candidates(range, scheme, clip);
  double least = 0;
  GroupParameters best = candidates.best_for(group, least);
  kernels::GridSums sums = group.sums(best);
  for (int i = 0; i < kMostRefits; ++i) {
    const GroupParameters refitted = group.refit(best, sums);
    if (refitted == best) break;
    sums = group.sums(refitted);
    const double error = clip.norm == 2 ? sums.error : group.error(refitted);
    if (error >= least) break;
    least = error;
    best = refitted;
  }
  return best;
}

}  // namespace libquant
