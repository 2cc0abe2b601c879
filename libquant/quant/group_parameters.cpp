#include "libquant/quant/group_parameters.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "libquant/quant/affine_grid.h"

namespace libquant {
namespace {

void store(ScaleType type, std::span<float> values) noexcept {
  const float limit = largest_finite(type);
  round_to(type, values);
  for (float& value : values) value = std::clamp(value, -limit, limit);
}

void store_scales(ScaleType type, std::span<float> scales) noexcept {
  const float least = smallest_positive(type);
  store(type, scales);
  for (float& scale : scales) scale = std::max(scale, least);
}

void span_symmetric(Range range, std::span<const double> parts, const Scheme& scheme,
                    ParameterArrays into) noexcept {
  const double reach = std::max(-range.low, range.high), steps = scheme.max_code();
  const auto zero = static_cast<std::uint8_t>(scheme.symmetric_zero());
  for (std::size_t k = 0; k < parts.size(); ++k) {
    into.scale[k] = static_cast<float>(2 * parts[k] * reach / steps);
    into.zero[k] = zero;
    into.minimum[k] = 0;
  }
}

void span_asymmetric(Range range, std::span<const double> parts, const Scheme& scheme,
                     ParameterArrays into) noexcept {
  const double most = scheme.max_code(), least = scheme.zero_min;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const double low = std::min(parts[k] * range.low, 0.0);
    const double high = std::max(parts[k] * range.high, 0.0);
    double scale = (high - low) / most;
    const double free_zero = round_even(-low / scale);
    const double zero = std::clamp(free_zero, least, most);
    if (zero > free_zero) scale = std::max(scale, high / (most - zero));
    into.scale[k] = static_cast<float>(scale);
    into.zero[k] = static_cast<std::uint8_t>(zero);
    into.minimum[k] = 0;
  }
}

void span_minimum(Range range, std::span<const double> parts, const Scheme& scheme,
                  ParameterArrays into) noexcept {
  const double steps = scheme.max_code();
  const auto cut = [&](std::size_t k) { return (1 - parts[k]) * (range.high - range.low) / 2; };
  for (std::size_t k = 0; k < parts.size(); ++k)
    into.minimum[k] = static_cast<float>(range.low + cut(k));
  store(scheme.scale_type, {into.minimum, parts.size()});
  for (std::size_t k = 0; k < parts.size(); ++k) {
    into.scale[k] = static_cast<float>((range.high - cut(k) - into.minimum[k]) / steps);
    into.zero[k] = 0;
  }
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
  auto rounded = static_cast<float>(value);
  store(type, {&rounded, 1});
  return rounded;
}

float stored_scale(double value, ScaleType type) noexcept {
  auto rounded = static_cast<float>(value);
  store_scales(type, {&rounded, 1});
  return rounded;
}

void spanning(Range range, std::span<const double> parts, const Scheme& scheme,
              ParameterArrays into) noexcept {
  if (scheme.zero == ZeroKind::symmetric) span_symmetric(range, parts, scheme, into);
  if (scheme.zero == ZeroKind::asymmetric) span_asymmetric(range, parts, scheme, into);
  if (scheme.zero == ZeroKind::minimum) span_minimum(range, parts, scheme, into);
  store_scales(scheme.scale_type, {into.scale, parts.size()});
}

GroupParameters spanning(Range range, double part, const Scheme& scheme) noexcept {
  GroupParameters found;
  spanning(range, {&part, 1}, scheme, {&found.scale, &found.zero, &found.minimum});
  return found;
}

GroupParameters for_constant(double value, const Scheme& scheme) noexcept {
  if (value != 0)
    return scheme.zero == ZeroKind::minimum ? constant_with_minimum(value, scheme)
                                            : constant_with_zero(value, scheme);
  const int zero = scheme.zero == ZeroKind::symmetric ? scheme.symmetric_zero() : scheme.zero_min;
  return {.scale = 1, .zero = static_cast<std::uint8_t>(zero)};
}

}  // namespace libquant
