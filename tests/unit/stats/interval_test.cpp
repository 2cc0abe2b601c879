#include "libquant/stats/interval.h"

#include "libquant/core/error.h"
#include "tests/support/catch.h"

TEST_CASE("Wilson intervals equal statsmodels' proportion_confint", "[stats]") {
  const auto check = [](std::size_t successes, std::size_t n, double low, double high) {
    const libquant::Interval interval = libquant::wilson_interval(successes, n);
    CHECK(interval.low == Approx(low).epsilon(1e-12).margin(1e-15));
    CHECK(interval.high == Approx(high).epsilon(1e-12));
  };
  check(8, 10, 0.49016247153664183, 0.9433178485456247);
  check(0, 10, 0, 0.27753279986288926);
  check(37, 1418, 0.018989144075572124, 0.03575778874017057);
}

TEST_CASE("an interval of nothing is everything, and impossible counts are refused", "[stats]") {
  CHECK(libquant::wilson_interval(0, 0).high == 1);
  CHECK(libquant::wilson_interval(10, 10).high == 1);
  CHECK(libquant::normal_quantile(0.99) == Approx(2.5758293035489004).epsilon(1e-12));
  CHECK_THROWS_AS(libquant::wilson_interval(3, 2), libquant::InvalidArgument);
  CHECK_THROWS_AS(libquant::wilson_interval(1, 2, 1.0), libquant::InvalidArgument);
}
