#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/scoring/probe_item.h"

namespace libquant {

/// What items may be used for. A result is only worth something on items that shaped nothing, and
/// items of one template (BBQ's category and question, StereoSet's target term) are not
/// independent, so whole templates go to one split, by a hash that never changes.
enum class ProbeSplit : std::uint8_t {
  calibrate,  ///< 60 %: statistics of the quantizer
  select,     ///< 20 %: choice of strengths, early stopping
  evaluate,   ///< 20 %: figures that are reported
};
std::string_view to_string(ProbeSplit split) noexcept;

ProbeSplit split_of(std::string_view template_id);
/// The items of one split, in their order.
std::vector<ProbeItem> items_of(std::span<const ProbeItem> items, ProbeSplit split);

/// Hashes of the templates that items come from, sorted, each once: what a report keeps, so that a
/// later evaluation can be checked against it without the items' text.
std::vector<std::uint64_t> template_hashes(std::span<const ProbeItem> items);
/// Throws InvalidArgument, naming a template and how many there are, if an item's template is among
/// `used` (sorted). `purpose` says what those were used for ("calibration").
void check_disjoint(std::span<const std::uint64_t> used, std::span<const ProbeItem> items,
                    std::string_view purpose);

}  // namespace libquant
