#include "libquant/fairness/splits.h"

#include <algorithm>
#include <set>

#include "libquant/core/error.h"
#include "libquant/core/hash.h"

namespace libquant {

std::string_view to_string(ProbeSplit split) noexcept {
  switch (split) {
    case ProbeSplit::calibrate:
      return "calibrate";
    case ProbeSplit::select:
      return "select";
    case ProbeSplit::evaluate:
      return "evaluate";
  }
  return "";
}

ProbeSplit split_of(std::string_view template_id) {
  const std::uint64_t percent = hash64(fmt::format("libquant split 1/{}", template_id)) % 100;
  if (percent < 60) return ProbeSplit::calibrate;
  return percent < 80 ? ProbeSplit::select : ProbeSplit::evaluate;
}

std::vector<ProbeItem> items_of(std::span<const ProbeItem> items, ProbeSplit split) {
  std::vector<ProbeItem> result;
  for (const ProbeItem& item : items)
    if (split_of(item.template_id) == split) result.push_back(item);
  return result;
}

std::vector<std::uint64_t> template_hashes(std::span<const ProbeItem> items) {
  std::set<std::uint64_t> hashes;
  for (const ProbeItem& item : items) hashes.insert(hash64(item.template_id));
  return {hashes.begin(), hashes.end()};
}

void check_disjoint(std::span<const std::uint64_t> used, std::span<const ProbeItem> items,
                    std::string_view purpose) {
  std::set<std::string_view> shared;
  for (const ProbeItem& item : items)
    if (std::ranges::binary_search(used, hash64(item.template_id))) shared.insert(item.template_id);
  require(shared.empty(),
          "{} templates were used for {}, so nothing may be reported on them (the first: {})",
          shared.size(), purpose, shared.empty() ? std::string_view() : *shared.begin());
}

}  // namespace libquant
