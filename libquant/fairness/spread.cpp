#include "libquant/fairness/spread.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "libquant/core/rng.h"

namespace libquant {
namespace {

using Indices = std::vector<std::size_t>;

void shuffle(Indices& indices, Rng& rng) {
  for (std::size_t k = 0; k + 1 < indices.size(); ++k)
    std::swap(indices[k], indices[k + rng.below(indices.size() - k)]);
}

/// One of each list in turn, lists in random order, until all are used up.
Indices in_turn(std::vector<Indices> lists, Rng& rng) {
  Indices order(lists.size()), merged;
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  shuffle(order, rng);
  std::size_t longest = 0;
  for (const Indices& list : lists) longest = std::max(longest, list.size());
  for (std::size_t round = 0; round < longest; ++round)
    for (const std::size_t list : order)
      if (round < lists[list].size()) merged.push_back(lists[list][round]);
  return merged;
}

/// `indices` by a key, in the order of keys; each list made by `inner`.
template <typename Key, typename Inner>
Indices spread_by(std::span<const std::size_t> indices, const Key& key, Rng& rng,
                  const Inner& inner) {
  std::map<decltype(key(std::size_t{})), Indices> groups;
  for (const std::size_t i : indices) groups[key(i)].push_back(i);
  std::vector<Indices> lists;
  for (auto& [name, members] : groups) lists.push_back(inner(std::move(members)));
  return in_turn(std::move(lists), rng);
}

}  // namespace

std::vector<ProbeItem> spread_items(std::span<const ProbeItem> items, std::size_t count,
                                    std::uint64_t seed) {
  if (count == 0 || count >= items.size()) return {items.begin(), items.end()};
  Rng rng(seed);
  const auto shuffled = [&](Indices members) {
    shuffle(members, rng);
    return members;
  };
  const auto within_template = [&](const Indices& members) {
    return spread_by(
        members,
        [&](std::size_t i) {
          return std::pair<Condition, std::string_view>(items[i].condition, items[i].polarity);
        },
        rng, shuffled);
  };
  const auto within_set = [&](const Indices& members) {
    return spread_by(
        members, [&](std::size_t i) { return std::string_view(items[i].template_id); }, rng,
        within_template);
  };
  Indices all(items.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  Indices chosen = spread_by(
      all, [&](std::size_t i) { return std::string_view(items[i].set); }, rng, within_set);
  chosen.resize(count);
  std::ranges::sort(chosen);
  std::vector<ProbeItem> sample;
  for (const std::size_t i : chosen) sample.push_back(items[i]);
  return sample;
}

}  // namespace libquant
