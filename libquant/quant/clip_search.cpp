#include "libquant/quant/clip_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

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

/// Arrays without initial values: there is room for many more than the few that are searched.
class Candidates {
 public:
  Candidates(Range range, const Scheme& scheme, const ClipSearch& clip) noexcept {
    std::array<double, kMaxCandidates> parts;
    for (int step = 0; step <= clip.steps; ++step)
      parts[count_++] = 1 - step * clip.max_shrink / clip.steps;
    spanning(range, {parts.data(), count_}, scheme, {scale_.data(), zero_.data(), minimum_.data()});
    if (scheme.zero == ZeroKind::symmetric && range.high >= -range.low) {
      scale_[count_] = stored_scale(range.high / (scheme.symmetric_zero() - 1), scheme.scale_type);
      zero_[count_] = zero_[0];
      minimum_[count_++] = 0;
    }
  }

  GroupParameters best_for(const Group& group, double& least) const noexcept {
    std::array<double, kMaxCandidates> errors;
    if (group.norm() == 2) {
      squared_errors(group, errors.data());
    } else {
      for (std::size_t k = 0; k < count_; ++k) errors[k] = group.error(at(k));
    }
    const auto end = errors.begin() + static_cast<std::ptrdiff_t>(count_);
    const auto best = std::min_element(errors.begin(), end);
    least = *best;
    return at(static_cast<std::size_t>(best - errors.begin()));
  }

 private:
  GroupParameters at(std::size_t k) const noexcept {
    return {.scale = scale_[k], .zero = zero_[k], .minimum = minimum_[k]};
  }

  void squared_errors(const Group& group, double* errors) const noexcept {
    std::array<double, kMaxCandidates> scale, inverse, offset;
    const bool minimum = group.scheme().zero == ZeroKind::minimum;
    for (std::size_t k = 0; k < count_; ++k) {
      scale[k] = scale_[k];
      inverse[k] = 1 / scale[k];
      offset[k] = minimum ? double{minimum_[k]} : -scale[k] * zero_[k];
    }
    kernels::grid_errors_f64(group.values().size(), group.values().data(),
                             group.weights().empty() ? nullptr : group.weights().data(),
                             {count_, scale.data(), inverse.data(), offset.data(),
                              static_cast<double>(group.scheme().max_code())},
                             errors);
  }

  std::size_t count_ = 0;
  std::array<float, kMaxCandidates> scale_;
  std::array<std::uint8_t, kMaxCandidates> zero_;
  std::array<float, kMaxCandidates> minimum_;
};

}  // namespace

GroupParameters search_clip(std::span<const double> values, std::span<const double> weights,
                            Range range, const Scheme& scheme, const ClipSearch& clip) noexcept {
  const Group group(values, weights, scheme, clip.norm);
  const Candidates candidates(range, scheme, clip);
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
