#pragma once

#include <vector>

#include "libquant/quant/grid.h"
#include "libquant/quant/scheme.h"
#include "tests/reference/grid_reference.h"

namespace test_support {

inline const std::vector<int> kAllBits{2, 3, 4, 5, 6, 8};
inline const std::vector<std::size_t> kAllGroups{32, 64, 128, 0};
inline const std::vector<libquant::ZeroKind> kAllZeros{
    libquant::ZeroKind::symmetric, libquant::ZeroKind::asymmetric, libquant::ZeroKind::minimum};
inline const std::vector<libquant::ScaleType> kAllScaleTypes{
    libquant::ScaleType::f32, libquant::ScaleType::f16, libquant::ScaleType::bf16};

/// The reference's description of the library's scheme and search.
inline reference::GridRules rules_for(const libquant::Scheme& scheme,
                                      const libquant::ClipSearch& clip) {
  return {.bits = scheme.bits,
          .zero = scheme.zero == libquant::ZeroKind::symmetric    ? reference::Zero::symmetric
                  : scheme.zero == libquant::ZeroKind::asymmetric ? reference::Zero::asymmetric
                                                                  : reference::Zero::minimum,
          .stored = scheme.scale_type == libquant::ScaleType::f32   ? reference::Stored::f32
                    : scheme.scale_type == libquant::ScaleType::f16 ? reference::Stored::f16
                                                                    : reference::Stored::bf16,
          .zero_min = scheme.zero_min,
          .clip_steps = clip.steps,
          .max_shrink = clip.max_shrink,
          .norm = clip.norm};
}

}  // namespace test_support
