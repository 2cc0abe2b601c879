#include "tests/reference/grid_reference.h"

#include <vector>

#include "libquant/core/rng.h"
#include "libquant/quant/grid.h"
#include "tests/support/catch.h"
#include "tests/support/schemes.h"

using namespace libquant;

namespace {

enum class Signs { mixed, positive, negative, shifted };

std::vector<double> random_group(Rng& rng, std::size_t size, Signs signs, double magnitude) {
  std::vector<double> values(size);
  for (double& value : values) {
    // Weights are floats; GPTQ's updated ones are doubles. Both occur here.
    value = magnitude * rng.normal();
    if (rng.below(2) == 0) value = static_cast<float>(value);
    if (signs == Signs::positive) value = std::abs(value);
    if (signs == Signs::negative) value = -std::abs(value);
    if (signs == Signs::shifted) value += 3 * magnitude;
  }
  return values;
}

struct Tally {
  std::size_t groups = 0;
  std::size_t near_ties = 0;
};

void compare(const std::vector<double>& values, const std::vector<double>& weights,
             const Scheme& scheme, const ClipSearch& clip, Tally& tally) {
  const GroupParameters got = fit_group(values, weights, scheme, clip);
  const reference::GridRules rules = test_support::rules_for(scheme, clip);
  const reference::FittedGrid want = reference::fit(values, weights, rules);
  ++tally.groups;
  if (want.near_tie) {
    ++tally.near_ties;
    return;
  }
  INFO(to_string(scheme) << " clip steps " << clip.steps << " norm " << clip.norm);
  REQUIRE(double{got.scale} == want.grid.scale);
  if (scheme.zero == ZeroKind::minimum)
    REQUIRE(double{got.minimum} == want.grid.minimum);
  else
    REQUIRE(got.zero == want.grid.zero);
  for (const double value : values) {
    const double steps = reference::position(value, want.grid, rules);
    const int code = nearest_code(value, got, scheme);
    if (!reference::near_half(steps, rules))
      REQUIRE(code == reference::code_of(value, want.grid, rules));
    REQUIRE(std::abs(code_value(static_cast<std::uint8_t>(code), got, scheme) -
                     reference::value_of(code, want.grid, rules)) <=
            1e-15 * (std::abs(value) + want.grid.scale + std::abs(want.grid.minimum)) * 256);
  }
}

}  // namespace

TEST_CASE("fitted groups equal the slow reference for every bits, group, zero kind and scale type",
          "[quant]") {
  Rng rng(42);
  Tally tally;
  for (const int bits : test_support::kAllBits)
    for (const std::size_t size : {32, 64, 128, 97})
      for (const ZeroKind zero : test_support::kAllZeros)
        for (const ScaleType type : test_support::kAllScaleTypes)
          for (const Signs signs : {Signs::mixed, Signs::positive, Signs::negative, Signs::shifted})
            for (const int steps : {0, 20, 80}) {
              Scheme scheme{.bits = bits, .group_size = 0, .zero = zero, .scale_type = type};
              scheme.zero_min = static_cast<int>(rng.below(2));
              const double magnitude = std::pow(10.0, -3 + 3 * rng.uniform());
              const std::vector<double> values = random_group(rng, size, signs, magnitude);
              std::vector<double> weights;
              if (rng.below(2) == 0)
                for (std::size_t i = 0; i < size; ++i) weights.push_back(rng.uniform());
              const ClipSearch clip{.steps = steps,
                                    .max_shrink = rng.below(2) == 0 ? 0.8 : 0.5,
                                    .norm = rng.below(2) == 0 ? 2.4 : 2.0};
              compare(values, weights, scheme, clip, tally);
            }
  INFO(tally.near_ties << " of " << tally.groups << " groups have a near tie");
  CHECK(tally.near_ties * 1000 <= tally.groups);
}

TEST_CASE("a wider clip search is never worse than a narrower one in its own norm", "[quant]") {
  Rng rng(7);
  for (const ZeroKind zero : test_support::kAllZeros)
    for (const int bits : {2, 3, 4}) {
      const Scheme scheme{.bits = bits, .group_size = 64, .zero = zero};
      const std::vector<double> values = random_group(rng, 64, Signs::mixed, 0.05);
      const auto error = [&](int steps) {
        const ClipSearch clip{.steps = steps, .norm = 2};
        const GroupParameters fitted = fit_group(values, {}, scheme, clip);
        double sum = 0;
        for (const double value : values) {
          const double miss =
              code_value(nearest_code(value, fitted, scheme), fitted, scheme) - value;
          sum += miss * miss;
        }
        return sum;
      };
      CHECK(error(20) <= error(0));
      CHECK(error(80) <= error(20));  // the 20 steps are among the 80
      CHECK(error(80) < error(0));
    }
}
