#include "libquant/pipeline/bit_allocation.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "libquant/core/error.h"

namespace libquant {
namespace {

constexpr std::uint64_t kMostSteps = 50000;

std::uint64_t least_bytes(const BitGroup& group) {
  return std::ranges::min(group.choices, {}, &BitChoice::bytes).bytes;
}

// By rising bytes, so that of equal losses the smaller width is kept.
std::vector<std::size_t> by_bytes(const BitGroup& group) {
  std::vector<std::size_t> order(group.choices.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return group.choices[i].bytes; });
  return order;
}

struct Steps {
  std::uint64_t unit = 1;
  std::size_t count = 0;  ///< of the budget beyond the smallest widths

  std::size_t of(std::uint64_t bytes) const {
    return static_cast<std::size_t>((bytes + unit - 1) / unit);
  }
};

Steps steps_for(std::span<const BitGroup> groups, std::uint64_t room) {
  std::uint64_t common = 0, most = 0;
  for (const BitGroup& group : groups) {
    const std::uint64_t least = least_bytes(group);
    for (const BitChoice& choice : group.choices) common = std::gcd(common, choice.bytes - least);
    most += std::ranges::max(group.choices, {}, &BitChoice::bytes).bytes - least;
  }
  room = std::min(room, most);
  Steps steps;
  steps.unit = std::max({common, (room + kMostSteps - 1) / kMostSteps, std::uint64_t{1}});
  steps.count = static_cast<std::size_t>(room / steps.unit);
  return steps;
}

}  // namespace

void allocate_bits(std::span<BitGroup> groups, std::uint64_t budget) {
  std::uint64_t least = 0;
  for (const BitGroup& group : groups) least += least_bytes(group);
  require(least <= budget, "a budget of {} bytes is less than the {} that the smallest widths take",
          budget, least);
  const Steps steps = steps_for(groups, budget - least);
  // loss[s]: least sum of the groups so far with at most s steps.
  std::vector<double> loss(steps.count + 1, 0);
  std::vector<std::vector<std::uint8_t>> choice(groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const std::uint64_t base = least_bytes(groups[g]);
    std::vector<double> next(steps.count + 1, std::numeric_limits<double>::infinity());
    choice[g].resize(steps.count + 1);
    for (const std::size_t i : by_bytes(groups[g])) {
      const BitChoice& c = groups[g].choices[i];
      for (std::size_t s = steps.of(c.bytes - base); s <= steps.count; ++s) {
        const double sum = loss[s - steps.of(c.bytes - base)] + c.loss;
        if (sum >= next[s]) continue;
        next[s] = sum;
        choice[g][s] = static_cast<std::uint8_t>(i);
      }
    }
    loss = std::move(next);
  }
  std::size_t left = steps.count;
  for (std::size_t g = groups.size(); g-- > 0;) {
    BitGroup& group = groups[g];
    group.chosen = choice[g][left];
    left -= steps.of(group.choices[group.chosen].bytes - least_bytes(group));
  }
}

}  // namespace libquant
