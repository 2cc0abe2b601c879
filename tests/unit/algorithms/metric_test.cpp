#include "libquant/algorithms/metric.h"

#include <cmath>
#include <limits>
#include <vector>

#include "libquant/core/error.h"
#include "tests/support/catch.h"
#include "tests/support/layer_data.h"

using namespace libquant;

namespace {

constexpr std::size_t kSize = 40;

/// Lower triangle of the identity with one 2 x 2 block of eigenvalues 1 + c and 1 - c.
std::vector<double> coupled(double c) {
  std::vector<double> lower(kSize * kSize);
  for (std::size_t i = 0; i < kSize; ++i) lower[i * kSize + i] = 1;
  lower[8 * kSize + 3] = c;
  return lower;
}

}  // namespace

TEST_CASE("a positive definite metric is factored at the first step with the damping asked for",
          "[algorithms]") {
  const std::vector<double> lower = coupled(0.5);
  Metric metric(lower, kSize, 100);
  const Factor& factor = metric.factor(ActOrder::none, 8, 0.03);
  CHECK(factor.attempts == 1);
  CHECK(factor.damping == 0.03);
  CHECK(factor.failure.empty());
  REQUIRE(factor.upper.size() == kSize * kSize);
  CHECK(factor.upper[0] == Approx(1 / std::sqrt(1.03)).epsilon(1e-12));
}

TEST_CASE("the damping ladder doubles until the metric is positive definite", "[algorithms]") {
  // Least eigenvalue -0.05: the steps 0, 0.01, 0.02, 0.04 fail and 0.08 succeeds.
  const std::vector<double> lower = coupled(1.05);
  Metric metric(lower, kSize, 100);
  const Factor& factor = metric.factor(ActOrder::group, 8, 0);
  CHECK(factor.attempts == 5);
  CHECK(factor.damping == Approx(0.08));
  CHECK(!factor.upper.empty());
  // From 0.03: 0.06 is the second step.
  CHECK(metric.factor(ActOrder::group, 8, 0.03).attempts == 2);
  CHECK(metric.factor(ActOrder::group, 8, 0.03).damping == Approx(0.06));
}

TEST_CASE("above damping 1 the ladder adds multiples of the largest diagonal entry",
          "[algorithms]") {
  // Least eigenvalue -0.7: 0, 0.01 ... 0.64 fail; + 1e-6 ... 1e-2 fail, + 0.1 succeeds.
  const std::vector<double> lower = coupled(1.7);
  Metric metric(lower, kSize, 100);
  const Factor& factor = metric.factor(ActOrder::static_all, 8, 0);
  CHECK(factor.damping == Approx(0.74));
  CHECK(factor.attempts == 8 + 6);
  CHECK(!factor.upper.empty());
}

TEST_CASE("an indefinite metric fails at the end of the ladder and says so", "[algorithms]") {
  const std::vector<double> lower = coupled(5);
  Metric metric(lower, kSize, 100);
  const Factor& factor = metric.factor(ActOrder::none, 8, 0.01);
  CHECK(factor.upper.empty());
  CHECK(factor.attempts == 7 + 6);
  CHECK(factor.failure.find("not positive definite") != std::string::npos);
}

TEST_CASE("metrics that no damping can help fail at once with their reason", "[algorithms]") {
  const auto failure = [](std::vector<double> lower, std::size_t tokens) {
    Metric metric(lower, kSize, tokens);
    const Factor& factor = metric.factor(ActOrder::group, 8, 0.01);
    CHECK(factor.upper.empty());
    CHECK(factor.attempts == 0);
    return factor.failure;
  };
  CHECK(failure(std::vector<double>(kSize * kSize), 0).find("no calibration token") !=
        std::string::npos);
  CHECK(failure(std::vector<double>(kSize * kSize), 9).find("zero in every") != std::string::npos);
  for (const double bad : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    std::vector<double> lower = coupled(0);
    lower[5 * kSize + 5] = bad;
    CHECK(failure(lower, 9).find("negative or non-finite") != std::string::npos);
  }
}

TEST_CASE("layers that share a metric share its factor until the options change", "[algorithms]") {
  const std::vector<double> lower = coupled(0.5);
  Metric metric(lower, kSize, 100);
  const double* first = metric.factor(ActOrder::group, 8, 0.01).upper.data();
  CHECK(metric.factor(ActOrder::group, 8, 0.01).upper.data() == first);
  CHECK(metric.factor(ActOrder::group, 8, 0.02).damping == 0.02);
  CHECK(metric.factor(ActOrder::group, 8, 0.01).damping == 0.01);
  const double* none = metric.factor(ActOrder::none, 8, 0.01).upper.data();
  CHECK(metric.factor(ActOrder::none, 40, 0.01).upper.data() == none);
}

TEST_CASE("dead inputs are counted and left out of the damping", "[algorithms]") {
  Matrix x = test_support::correlated_activations(300, kSize, 8);
  for (std::size_t t = 0; t < x.rows(); ++t) x(t, 7) = x(t, 31) = 0;
  Hessian hessian(kSize);
  hessian.add(x);
  Metric metric(hessian);
  CHECK(metric.tokens() == 300);
  CHECK(metric.dead_columns() == 2);
  double mean = 0;
  for (std::size_t i = 0; i < kSize; ++i) mean += hessian.diagonal(i) / (kSize - 2);
  const Factor& factor = metric.factor(ActOrder::none, 8, 0.5);
  CHECK(factor.upper[7 * kSize + 7] == Approx(1 / std::sqrt(1.5 * mean)).epsilon(1e-9));
  for (std::size_t j = 8; j < kSize; ++j) CHECK(factor.upper[7 * kSize + j] == 0);
}

TEST_CASE("a metric of the wrong size or an impossible damping is refused", "[algorithms]") {
  const std::vector<double> lower = coupled(0);
  CHECK_THROWS_AS(Metric(lower, kSize + 1, 1), InvalidArgument);
  Metric metric(lower, kSize, 1);
  CHECK_THROWS_AS(metric.factor(ActOrder::none, 8, -0.1), InvalidArgument);
  CHECK_THROWS_AS(metric.factor(ActOrder::none, 8, 1.0), InvalidArgument);
  CHECK_THROWS_AS(metric.factor(ActOrder::none, 8, std::nan("")), InvalidArgument);
}
