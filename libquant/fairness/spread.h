#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "libquant/scoring/probe_item.h"

namespace libquant {

/// At most `count` items (0 = all), spread as evenly as the items allow: over sets, within a set
/// over templates, within a template over conditions and polarities; drawn with `seed`, in their
/// original order. A sample in proportion (sample_items) estimates a figure; statistics that shall
/// hold for templates nobody has seen want many templates instead, and BBQ has a few of hundreds of
/// items each beside StereoSet's many of three.
std::vector<ProbeItem> spread_items(std::span<const ProbeItem> items, std::size_t count,
                                    std::uint64_t seed);

}  // namespace libquant
