#include "libquant/audit/dose_response.h"

#include <cmath>
#include <vector>

#include "libquant/core/rng.h"
#include "tests/support/catch.h"
#include "tests/support/probe_fixtures.h"

namespace {

using namespace libquant;

// Answers whose log odds of the stereotype fall by 0.4 with every bit, in two categories of which
// one is worse.
struct World {
  std::vector<ProbeItem> items;
  std::vector<std::vector<ItemComparison>> levels;
  std::vector<double> bits{8, 6, 4, 3, 2};

  explicit World(double slope) {
    constexpr int kItems = 1200;
    items.reserve(kItems);
    for (int i = 0; i < kItems; ++i) {
      items.push_back(test::ambiguous_item(i));
      items.back().category = i % 3 == 0 ? "worse" : "better";
    }
    Rng rng(9);
    for (const double width : bits) {
      auto& level = levels.emplace_back();
      for (int i = 0; i < kItems; ++i) {
        const double odds = 1 + slope * width + (i % 3 == 0 ? 0.7 : 0);
        ItemComparison item;
        item.item = &items[static_cast<std::size_t>(i)];
        item.cluster = static_cast<std::uint32_t>(i / 4);
        item.quantized_choice = rng.uniform() < 1 / (1 + std::exp(-odds)) ? 0 : 2;
        level.push_back(item);
      }
    }
  }
  DoseFit fit() const {
    std::vector<DoseLevel> doses;
    for (std::size_t l = 0; l < bits.size(); ++l) doses.push_back({bits[l], levels[l]});
    return fit_dose_response(doses, OptionRole::stereotype, 0.95);
  }
};

}  // namespace

TEST_CASE("the dose-response fit finds the slope that the answers were drawn with", "[audit]") {
  const DoseFit fit = World(-0.4).fit();
  REQUIRE(fit.problem.empty());
  CHECK(fit.coefficient.interval.low < -0.4);
  CHECK(fit.coefficient.interval.high > -0.4);
  // 6000 answers: the standard error of a slope over these widths is near 0.016.
  CHECK(fit.coefficient.value == Approx(-0.4).margin(0.08));
  CHECK(fit.coefficient.items == 6000);
  CHECK(fit.clusters == 300);
  CHECK(fit.levels == 5);
  CHECK(fit.p_value < 1e-6);
  REQUIRE(fit.curve.size() > 2);
  CHECK(fit.curve.front().bits == 2);
  CHECK(fit.curve.back().bits == 8);
  CHECK(fit.curve.front().value > fit.curve.back().value);
  for (const CurvePoint& point : fit.curve) {
    CHECK(point.interval.low < point.value);
    CHECK(point.value < point.interval.high);
  }
}

TEST_CASE("without a trend the interval of the slope holds zero", "[audit]") {
  const DoseFit fit = World(0).fit();
  REQUIRE(fit.problem.empty());
  CHECK(fit.coefficient.interval.low < 0);
  CHECK(fit.coefficient.interval.high > 0);
}

TEST_CASE("what cannot be fitted says why", "[audit]") {
  World world(-0.4);
  world.bits.resize(2);
  CHECK(world.fit().problem.find("three different widths") != std::string::npos);
  World alike(-0.4);
  for (auto& level : alike.levels)
    for (ItemComparison& item : level) item.quantized_choice = 2;
  CHECK(alike.fit().problem.find("all alike") != std::string::npos);
}
