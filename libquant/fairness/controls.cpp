#include "libquant/fairness/controls.h"

#include <map>
#include <utility>

#include "libquant/core/error.h"
#include "libquant/core/rng.h"

namespace libquant {
namespace {

// A cycle through all places: every value moves, each to a place of its own (Sattolo 1986).
std::vector<std::size_t> random_cycle(std::size_t count, Rng& rng) {
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  for (std::size_t i = count - 1; i > 0; --i) std::swap(order[i], order[rng.below(i)]);
  return order;
}

std::size_t index_of(const ProbeItem& item, OptionRole role) {
  for (std::size_t i = 0; i < item.options.size(); ++i)
    if (item.options[i].role == role) return i;
  return item.options.size();
}

bool takes_part(const ProbeItem& item, ProbeControl control) {
  if (control == ProbeControl::shuffle_options) return item.form == ItemForm::choice;
  return item.form == ItemForm::sentences && index_of(item, OptionRole::anti) < item.options.size();
}

}  // namespace

std::vector<ProbeItem> controlled(std::vector<ProbeItem> items, ProbeControl control,
                                  std::uint64_t seed) {
  if (control == ProbeControl::none) return items;
  std::map<std::size_t, std::vector<std::size_t>> classes;  // by number of options
  for (std::size_t i = 0; i < items.size(); ++i)
    if (takes_part(items[i], control)) classes[items[i].options.size()].push_back(i);
  Rng rng(seed);
  std::size_t moved = 0;
  for (const auto& [options, members] : classes) {
    if (members.size() < 2) continue;
    const auto cycle = random_cycle(members.size(), rng);
    std::vector<std::vector<ProbeOption>> old;
    for (const std::size_t i : members) old.push_back(items[i].options);
    for (std::size_t m = 0; m < members.size(); ++m) {
      ProbeItem& item = items[members[m]];
      const auto& other = old[cycle[m]];
      if (control == ProbeControl::shuffle_options) {
        item.options = other;
      } else {
        const ProbeItem& giver = items[members[cycle[m]]];
        item.options[index_of(item, OptionRole::anti)].text =
            other[index_of(giver, OptionRole::anti)].text;
      }
      ++moved;
    }
  }
  require(moved > 0, "fairness control {}: no two items could trade options", to_string(control));
  return items;
}

}  // namespace libquant
