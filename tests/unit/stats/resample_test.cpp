#include "libquant/stats/resample.h"

#include <cmath>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/core/rng.h"
#include "tests/support/catch.h"

TEST_CASE("randomization of four equal differences approaches its exact p of 1/8", "[stats]") {
  const std::vector<double> a{1, 1, 1, 1}, b{0, 0, 0, 0};
  const double p = libquant::approximate_randomization(a, b, 20000, 3);
  CHECK(p == Approx(0.125).margin(5 * std::sqrt(0.125 * 0.875 / 20000)));
  CHECK(libquant::approximate_randomization(a, a, 100, 3) == 1);
  CHECK(libquant::approximate_randomization(a, b, 500, 9) ==
        libquant::approximate_randomization(a, b, 500, 9));
}

TEST_CASE("the cluster bootstrap of a mean has the width of the cluster means' standard error",
          "[stats]") {
  constexpr std::size_t kClusters = 200, kEach = 10;
  libquant::Rng rng(11);
  std::vector<double> values;
  std::vector<std::uint32_t> clusters;
  double squares = 0, total = 0;
  for (std::uint32_t c = 0; c < kClusters; ++c) {
    const double effect = rng.normal();
    total += effect;
    squares += effect * effect;
    for (std::size_t i = 0; i < kEach; ++i) {
      values.push_back(effect);
      clusters.push_back(c);
    }
  }
  const double mean = total / kClusters;
  const double error = std::sqrt((squares / kClusters - mean * mean) / kClusters);
  const auto result = libquant::cluster_bootstrap(
      clusters, [&](auto weights) { return libquant::weighted_mean(values, weights); }, 4000, 0.95,
      1);
  CHECK(result.clusters == kClusters);
  CHECK(result.undefined == 0);
  CHECK(result.estimate == Approx(mean));
  CHECK(result.interval.high - result.interval.low == Approx(2 * 1.96 * error).epsilon(0.1));
}

TEST_CASE("a statistic that is mostly undefined is refused", "[stats]") {
  const std::vector<std::uint32_t> clusters{0, 1, 2};
  CHECK_THROWS_AS(libquant::cluster_bootstrap(
                      clusters, [](auto) { return NAN; }, 100, 0.95, 1),
                  libquant::InvalidArgument);
  CHECK_THROWS_AS(libquant::cluster_bootstrap(
                      {}, [](auto) { return 0.0; }, 100, 0.95, 1),
                  libquant::InvalidArgument);
}

TEST_CASE("the bootstrap of a ratio draws what the general one draws", "[stats]") {
  libquant::Rng rng(5);
  std::vector<double> top, bottom;
  std::vector<std::uint32_t> clusters;
  for (std::uint32_t i = 0; i < 300; ++i) {
    top.push_back(rng.uniform());
    bottom.push_back(0.5 + rng.uniform());
    clusters.push_back(i % 37);
  }
  const auto ratio = [&](std::span<const std::uint32_t> weights) {
    double a = 0, b = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      a += top[i] * weights[i];
      b += bottom[i] * weights[i];
    }
    return a / b;
  };
  const auto general = libquant::cluster_bootstrap(clusters, ratio, 500, 0.95, 3);
  const auto fast = libquant::cluster_bootstrap_ratio(top, bottom, clusters, 500, 0.95, 3);
  // Sums of 300 terms in another order.
  CHECK(fast.estimate == Approx(general.estimate).epsilon(1e-12));
  CHECK(fast.interval.low == Approx(general.interval.low).epsilon(1e-12));
  CHECK(fast.interval.high == Approx(general.interval.high).epsilon(1e-12));
  CHECK(fast.clusters == 37);
}

TEST_CASE("one cluster cannot vary, and nothing over nothing is no number", "[stats]") {
  const std::vector<double> ones{1, 1}, zeros{0, 0};
  const auto single =
      libquant::cluster_bootstrap_ratio(ones, ones, std::vector<std::uint32_t>{4, 4}, 10, 0.95, 1);
  CHECK(single.estimate == 1);
  CHECK(std::isnan(single.interval.low));
  const auto nothing =
      libquant::cluster_bootstrap_ratio(ones, zeros, std::vector<std::uint32_t>{1, 2}, 10, 0.95, 1);
  CHECK(std::isnan(nothing.estimate));
}
