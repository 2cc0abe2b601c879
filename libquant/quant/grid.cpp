#include "libquant/quant/grid.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "libquant/core/error.h"
#include "libquant/quant/affine_grid.h"
#include "libquant/quant/clip_search.h"
#include "libquant/quant/group_parameters.h"

namespace libquant {
namespace {

/// Several ends at a time: a single one would be waited for by every comparison.
Range range_of(std::span<const double> values) noexcept {
  constexpr std::size_t kLanes = 8;
  std::array<double, kLanes> low, high;
  low.fill(values[0]);
  high.fill(values[0]);
  const auto take = [&](std::size_t lane, double value) {
    low[lane] = value < low[lane] ? value : low[lane];
    high[lane] = value > high[lane] ? value : high[lane];
  };
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) take(lane, values[i + lane]);
  for (; i < values.size(); ++i) take(0, values[i]);
  return {*std::ranges::min_element(low), *std::ranges::max_element(high)};
}

}  // namespace

void check_clip(const ClipSearch& clip) {
  require(clip.steps >= 0 && clip.steps <= kMaxClipSteps, "clip search: {} steps, expected 0 to {}",
          clip.steps, kMaxClipSteps);
  require(clip.max_shrink >= 0 && clip.max_shrink < 1,
          "clip search: largest shrink {}, expected 0 <= shrink < 1", clip.max_shrink);
  require(clip.norm >= 1 && clip.norm <= 8, "clip search: norm {}, expected 1 to 8", clip.norm);
}

GroupParameters fit_group(std::span<const double> values, std::span<const double> weights,
                          const Scheme& scheme, const ClipSearch& clip) noexcept {
  const Range range = range_of(values);
  if (range.low == range.high) return for_constant(range.low, scheme);
  if (clip.steps == 0) return spanning(range, 1, scheme);
  return search_clip(values, weights, range, scheme, clip);
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
