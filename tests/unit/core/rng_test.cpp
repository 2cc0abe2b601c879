#include "libquant/core/rng.h"

#include <array>
#include <cmath>

#include "tests/support/catch.h"

TEST_CASE("the generator reproduces SplitMix64's published first outputs for seed 1234567",
          "[core]") {
  libquant::Rng rng(1234567);
  CHECK(rng.next() == 6457827717110365317u);
  CHECK(rng.next() == 3203168211198807973u);
  CHECK(rng.next() == 9817491932198370423u);
}

TEST_CASE("bounded, uniform and normal draws have the moments they claim", "[core]") {
  libquant::Rng rng(7);
  constexpr int kDraws = 70000;
  std::array<int, 7> counts{};
  double sum = 0, square = 0;
  for (int i = 0; i < kDraws; ++i) {
    ++counts[rng.below(7)];
    const double value = rng.normal();
    sum += value;
    square += value * value;
    const double u = rng.uniform();
    REQUIRE(u >= 0);
    REQUIRE(u < 1);
  }
  for (const int count : counts) CHECK(std::abs(count - kDraws / 7) < 5 * std::sqrt(kDraws / 7.0));
  CHECK(std::abs(sum / kDraws) < 5 / std::sqrt(double{kDraws}));
  CHECK(std::abs(square / kDraws - 1) < 5 * std::sqrt(2.0 / kDraws));
}
