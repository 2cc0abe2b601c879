#pragma once

#include <span>

#include "libquant/quant/grid.h"
#include "libquant/quant/group_parameters.h"
#include "libquant/quant/scheme.h"

namespace libquant {

constexpr int kMaxClipSteps = 255;

/// The search that ClipSearch describes, over the given range of the values.
GroupParameters search_clip(std::span<const double> values, std::span<const double> weights,
                            Range range, const Scheme& scheme, const ClipSearch& clip) noexcept;

}  // namespace libquant
