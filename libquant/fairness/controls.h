#pragma once

#include <cstdint>
#include <vector>

#include "libquant/fairness/options.h"
#include "libquant/scoring/probe_item.h"

namespace libquant {

/// Probes whose meaning is destroyed while their text, lengths and numbers stay: a gain that such
/// probes give as well has nothing to do with what the options say. Items keep their prompts; the
/// lists of options (shuffle_options) or the second sentences of pairs (shuffle_pairs) move to
/// another item of the same form with equally many options. InvalidArgument where fewer than two
/// items could trade.
std::vector<ProbeItem> controlled(std::vector<ProbeItem> items, ProbeControl control,
                                  std::uint64_t seed);

}  // namespace libquant
