#include "libquant/quant/grid.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "libquant/core/error.h"
#include "libquant/quant/affine_grid.h"

namespace libquant {
namespace {

constexpr int kMaxSteps = 255;
// The unshrunk range, the steps, and the scale that makes the positive end exact.
constexpr std::size_t kMaxCandidates = kMaxSteps + 2;

struct Range {
  double low;
  double high;
};

Range range_of(std::span<const double> values) noexcept {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {*low, *high};
}

float stored(double value, ScaleType type) noexcept {
  const float limit = largest_finite(type);
  return std::clamp(round_to(type, static_cast<float>(value)), -limit, limit);
}

float stored_scale(double value, ScaleType type) noexcept {
  return std::max(stored(value, type), smallest_positive(type));
}

GroupParameters symmetric_parameters(double scale, const Scheme& scheme) noexcept {
  return {.scale = stored_scale(scale, scheme.scale_type),
          .zero = static_cast<std::uint8_t>(scheme.symmetric_zero())};
}

GroupParameters asymmetric_parameters(Range range, const Scheme& scheme) noexcept {
  const double low = std::min(range.low, 0.0);
  const double high = std::max(range.high, 0.0);
  double scale = (high - low) / scheme.max_code();
  const double free_zero = round_even(-low / scale);
  const double zero = std::clamp<double>(free_zero, scheme.zero_min, scheme.max_code());
  if (zero > free_zero) scale = std::max(scale, high / (scheme.max_code() - zero));
  return {.scale = stored_scale(scale, scheme.scale_type), .zero = static_cast<std::uint8_t>(zero)};
}

GroupParameters minimum_parameters(Range range, const Scheme& scheme) noexcept {
  const float minimum = stored(range.low, scheme.scale_type);
  const double scale = (range.high - minimum) / scheme.max_code();
  return {.scale = stored_scale(scale, scheme.scale_type), .minimum = minimum};
}

/// Parameters that span the range shrunk to `part` of itself.
GroupParameters spanning(Range range, double part, const Scheme& scheme) noexcept {
  switch (scheme.zero) {
    case ZeroKind::symmetric:
      return symmetric_parameters(2 * part * std::max(-range.low, range.high) / scheme.max_code(),
                                  scheme);
    case ZeroKind::asymmetric:
      return asymmetric_parameters({part * range.low, part * range.high}, scheme);
    case ZeroKind::minimum: {
      const double cut = (1 - part) * (range.high - range.low) / 2;
      return minimum_parameters({range.low + cut, range.high - cut}, scheme);
    }
  }
  return {};
}

/// The finest scale that makes `value` exact with an integer zero, else the finest that reaches it.
GroupParameters constant_parameters(double value, const Scheme& scheme) noexcept {
  const int zero = scheme.zero == ZeroKind::symmetric ? scheme.symmetric_zero()
                   : value > 0                        ? scheme.zero_min
                                                      : scheme.max_code();
  const int most = value > 0 ? scheme.max_code() - zero : zero;
  const double size = std::abs(value);
  for (int steps = most; steps > 0; --steps) {
    const float scale = stored_scale(size / steps, scheme.scale_type);
    if (double{scale} * steps == size)
      return {.scale = scale, .zero = static_cast<std::uint8_t>(zero)};
  }
  return {.scale = stored_scale(size / most, scheme.scale_type),
          .zero = static_cast<std::uint8_t>(zero)};
}

/// Code 0 where the minimum's type holds the value; else the minimum of least magnitude step below
/// it and one scale that makes up the difference.
GroupParameters constant_minimum(double value, const Scheme& scheme) noexcept {
  const ScaleType type = scheme.scale_type;
  const float nearest = stored(value, type);
  if (nearest == value)
    return {.scale = stored_scale(std::abs(value) / scheme.max_code(), type), .minimum = nearest};
  if (nearest < value) return {.scale = stored_scale(value - nearest, type), .minimum = nearest};
  const float below = stored(value - (nearest - value) * 1.5, type);
  return {.scale = stored_scale(value - below, type), .minimum = below};
}

struct Candidates {
  std::array<GroupParameters, kMaxCandidates> parameters;
  std::size_t count = 0;

  void add(const GroupParameters& more) noexcept { parameters[count++] = more; }
};

void collect(Range range, const Scheme& scheme, const ClipSearch& clip, Candidates& into) noexcept {
  for (int step = 0; step <= clip.steps; ++step)
    into.add(spanning(range, 1 - step * clip.max_shrink / clip.steps, scheme));
  if (scheme.zero == ZeroKind::symmetric && range.high >= -range.low)
    into.add(symmetric_parameters(range.high / (scheme.symmetric_zero() - 1), scheme));
}

/// Sums of weight * |error|^norm for every candidate. Values outside, candidates inside: no sum is
/// reordered, and the inner loop vectorises.
class CandidateErrors {
 public:
  CandidateErrors(const Candidates& candidates, const Scheme& scheme) noexcept
      : count_(candidates.count), max_code_(scheme.max_code()) {
    for (std::size_t k = 0; k < count_; ++k) {
      const AffineGrid grid(candidates.parameters[k], scheme);
      scale_[k] = grid.scale;
      inverse_[k] = grid.inverse;
      offset_[k] = grid.offset;
      error_[k] = 0;
    }
  }

  void add(double value, double weight, double norm) noexcept {
    for (std::size_t k = 0; k < count_; ++k) {
      double steps = (value - offset_[k]) * inverse_[k];
      steps = steps < max_code_ ? steps : max_code_;
      steps = steps > 0 ? steps : 0;
      const double miss = scale_[k] * round_even(steps) + offset_[k] - value;
      miss_[k] = miss * miss;
    }
    if (norm != 2)
      for (std::size_t k = 0; k < count_; ++k) miss_[k] = std::pow(miss_[k], norm / 2);
    for (std::size_t k = 0; k < count_; ++k) error_[k] += weight * miss_[k];
  }

  std::size_t best() const noexcept {
    return static_cast<std::size_t>(
        std::min_element(error_.begin(), error_.begin() + static_cast<std::ptrdiff_t>(count_)) -
        error_.begin());
  }

 private:
  using Row = std::array<double, kMaxCandidates>;
  std::size_t count_;
  double max_code_;
  Row scale_, inverse_, offset_, error_, miss_;
};

}  // namespace

void check_clip(const ClipSearch& clip) {
  require(clip.steps >= 0 && clip.steps <= kMaxSteps, "clip search: {} steps, expected 0 to {}",
          clip.steps, kMaxSteps);
  require(clip.max_shrink >= 0 && clip.max_shrink < 1,
          "clip search: largest shrink {}, expected 0 <= shrink < 1", clip.max_shrink);
  require(clip.norm >= 1 && clip.norm <= 8, "clip search: norm {}, expected 1 to 8", clip.norm);
}

GroupParameters fit_group(std::span<const double> values, std::span<const double> weights,
                          const Scheme& scheme, const ClipSearch& clip) {
  const Range range = range_of(values);
  if (range.low == 0 && range.high == 0)
    return scheme.zero == ZeroKind::symmetric ? symmetric_parameters(1, scheme)
           : scheme.zero == ZeroKind::asymmetric
               ? GroupParameters{.zero = static_cast<std::uint8_t>(scheme.zero_min)}
               : GroupParameters{};
  if (range.low == range.high)
    return scheme.zero == ZeroKind::minimum ? constant_minimum(range.low, scheme)
                                            : constant_parameters(range.low, scheme);
  if (clip.steps == 0) return spanning(range, 1, scheme);
  Candidates candidates;
  collect(range, scheme, clip, candidates);
  CandidateErrors errors(candidates, scheme);
  for (std::size_t i = 0; i < values.size(); ++i)
    errors.add(values[i], weights.empty() ? 1.0 : weights[i], clip.norm);
  return candidates.parameters[errors.best()];
}

std::uint8_t nearest_code(double value, const GroupParameters& parameters,
                          const Scheme& scheme) noexcept {
  return static_cast<std::uint8_t>(AffineGrid(parameters, scheme).code(value));
}

double code_value(std::uint8_t code, const GroupParameters& parameters,
                  const Scheme& scheme) noexcept {
  return AffineGrid(parameters, scheme).value(code);
}

}  // namespace libquant
