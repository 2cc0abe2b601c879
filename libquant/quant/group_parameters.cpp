#include "libquant/quant/group_parameters.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "libquant/quant/affine_grid.h"

namespace libquant {
namespace {

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

/// The finest scale that makes `value` exact with an integer zero, else the finest that reaches it.
GroupParameters constant_with_zero(double value, const Scheme& scheme) noexcept {
  const int zero = scheme.zero == ZeroKind::symmetric ? scheme.symmetric_zero()
                   : value > 0                        ? scheme.zero_min
                                                      : scheme.max_code();
  const int most = value > 0 ? scheme.max_code() - zero : zero;
  const double size = std::abs(value);
  GroupParameters found{.zero = static_cast<std::uint8_t>(zero)};
  for (int steps = most; steps > 0; --steps) {
    found.scale = stored_scale(size / steps, scheme.scale_type);
    if (double{found.scale} * steps == size) return found;
  }
  found.scale = stored_scale(size / most, scheme.scale_type);
  return found;
}

/// Code 0 where the minimum's type holds the value; else a minimum just below it, and the scale
/// that makes up the difference.
GroupParameters constant_with_minimum(double value, const Scheme& scheme) noexcept {
  const ScaleType type = scheme.scale_type;
  const float nearest = stored(value, type);
  if (nearest == value)
    return {.scale = stored_scale(std::abs(value) / scheme.max_code(), type), .minimum = nearest};
  if (nearest < value) return {.scale = stored_scale(value - nearest, type), .minimum = nearest};
  const float below = stored(value - (nearest - value) * 1.5, type);
  return {.scale = stored_scale(value - below, type), .minimum = below};
}

}  // namespace

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

GroupParameters for_constant(double value, const Scheme& scheme) noexcept {
  if (value != 0)
    return scheme.zero == ZeroKind::minimum ? constant_with_minimum(value, scheme)
                                            : constant_with_zero(value, scheme);
  GroupParameters found = symmetric_parameters(1, scheme);
  if (scheme.zero != ZeroKind::symmetric) found.zero = static_cast<std::uint8_t>(scheme.zero_min);
  return found;
}

}  // namespace libquant
