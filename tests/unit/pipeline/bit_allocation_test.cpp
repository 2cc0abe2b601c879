#include "libquant/pipeline/bit_allocation.h"

#include <limits>

#include "libquant/core/error.h"
#include "libquant/core/rng.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

namespace libquant {
namespace {

std::uint64_t bytes_of(const std::vector<BitGroup>& groups) {
  std::uint64_t sum = 0;
  for (const BitGroup& group : groups) sum += group.choices[group.chosen].bytes;
  return sum;
}

double loss_of(const std::vector<BitGroup>& groups) {
  double sum = 0;
  for (const BitGroup& group : groups) sum += group.choices[group.chosen].loss;
  return sum;
}

/// The least loss of all combinations within the budget.
double brute_force(std::vector<BitGroup> groups, std::uint64_t budget, std::size_t from = 0) {
  if (from == groups.size())
    return bytes_of(groups) <= budget ? loss_of(groups) : std::numeric_limits<double>::infinity();
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < groups[from].choices.size(); ++i) {
    groups[from].chosen = i;
    best = std::min(best, brute_force(groups, budget, from + 1));
  }
  return best;
}

std::vector<BitGroup> random_groups(Rng& rng, std::size_t count, std::uint64_t unit) {
  std::vector<BitGroup> groups(count);
  for (BitGroup& group : groups) {
    const std::uint64_t size = unit * (1 + rng.below(5));
    for (const int bits : {2, 3, 4, 8})
      // Now and then more bits cost more loss: nothing may rely on losses that fall.
      group.choices.push_back({bits, size * static_cast<std::uint64_t>(bits),
                               static_cast<double>(rng.below(1000)) / bits});
  }
  return groups;
}

TEST_CASE("bits are allocated as brute force would, within any budget") {
  Rng rng(1);
  for (int round = 0; round < 60; ++round) {
    auto groups = random_groups(rng, 1 + rng.below(5), round % 2 == 0 ? 1 : 48);
    std::uint64_t least = 0, most = 0;
    for (const BitGroup& group : groups) {
      least += group.choices.front().bytes;
      most += group.choices.back().bytes;
    }
    for (const std::uint64_t budget :
         {least, least + 1, (least + most) / 2, most - 1, most, most + 1000}) {
      INFO(round << " " << budget);
      allocate_bits(groups, budget);
      CHECK(bytes_of(groups) <= budget);
      CHECK(loss_of(groups) == Approx(brute_force(groups, budget)));
    }
    CHECK_THROWS_AS(allocate_bits(groups, least - 1), InvalidArgument);
  }
}

TEST_CASE("sizes without a common divisor keep the budget, nearly at the best loss") {
  Rng rng(7);
  std::vector<BitGroup> groups(6);
  std::uint64_t least = 0;
  for (BitGroup& group : groups) {
    for (const int bits : {2, 4, 8})
      group.choices.push_back({bits, static_cast<std::uint64_t>(bits) * 1000000 + rng.below(999),
                               static_cast<double>(rng.below(1000)) / bits});
    least += group.choices.front().bytes;
  }
  for (std::uint64_t more = 0; more < 36000000; more += 2999999) {
    allocate_bits(groups, least + more);
    CHECK(bytes_of(groups) <= least + more);
    // Rounding up takes at most a step per group: a smaller budget bounds the loss from above.
    CHECK(loss_of(groups) <= brute_force(groups, least + (more > 12000 ? more - 12000 : 0)) + 1e-9);
  }
}

TEST_CASE("of equal losses the smaller width is taken") {
  std::vector<BitGroup> groups(1);
  groups[0].choices = {{8, 80, 1}, {4, 40, 1}};
  allocate_bits(groups, 1000);
  CHECK(groups[0].choices[groups[0].chosen].bits == 4);
}

}  // namespace
}  // namespace libquant
