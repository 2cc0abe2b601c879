#include "libquant/stats/logistic.h"

#include <array>
#include <cmath>
#include <vector>

#include "libquant/core/error.h"
#include "tests/support/catch.h"

namespace {

struct Data {
  std::vector<double> design;
  std::vector<std::uint8_t> outcomes;
  std::vector<std::uint32_t> clusters;
};

// The data that tests/tools/logistic_reference.py gives to statsmodels.
Data dose_response_data() {
  Data data;
  constexpr std::array<double, 4> kBits{8, 6, 4, 3};
  std::uint64_t state = 12345;
  for (std::uint32_t i = 0; i < 240; ++i) {
    state = (state * 1103515245 + 12345) % (std::uint64_t{1} << 31);
    const double u = static_cast<double>(state) * 0x1p-31;
    const std::uint32_t category = (i / 24) % 3;
    const double first = category == 1 ? 1 : 0, second = category == 2 ? 1 : 0;
    const double eta = 0.8 - 0.25 * kBits[i % 4] + 0.5 * first;
    data.design.insert(data.design.end(), {1.0, kBits[i % 4], first, second});
    data.outcomes.push_back(u < 1 / (1 + std::exp(-eta)) ? 1 : 0);
    data.clusters.push_back(i / 8);
  }
  return data;
}

}  // namespace

TEST_CASE("logistic regression with cluster-robust errors equals statsmodels", "[stats]") {
  const Data data = dose_response_data();
  const auto fit = libquant::logistic_regression(data.design, 4, data.outcomes, data.clusters);
  REQUIRE(fit.converged);
  CHECK(fit.clusters == 30);
  CHECK(fit.log_likelihood == Approx(-153.91340569312177).epsilon(1e-10));
  constexpr std::array<double, 4> kValues{0.20250389, -0.19381, 1.04468664, 0.40661715};
  constexpr std::array<double, 4> kErrors{0.43363928, 0.06993613, 0.3028575, 0.35858332};
  constexpr std::array<double, 4> kP{6.40509203e-01, 5.58427522e-03, 5.61765217e-04,
                                     2.56813654e-01};
  for (std::size_t c = 0; c < 4; ++c) {
    CHECK(fit.coefficients[c].value == Approx(kValues[c]).epsilon(1e-7));
    CHECK(fit.coefficients[c].standard_error == Approx(kErrors[c]).epsilon(1e-7));
    CHECK(fit.coefficients[c].p_value == Approx(kP[c]).epsilon(1e-6));
  }
}

TEST_CASE("separable outcomes and collinear columns are reported as not converged", "[stats]") {
  std::vector<double> design;
  std::vector<std::uint8_t> outcomes;
  std::vector<std::uint32_t> clusters;
  for (std::uint32_t i = 0; i < 40; ++i) {
    design.insert(design.end(), {1.0, i < 20 ? -1.0 : 1.0});
    outcomes.push_back(i < 20 ? 0 : 1);
    clusters.push_back(i / 4);
  }
  CHECK_FALSE(libquant::logistic_regression(design, 2, outcomes, clusters).converged);
  for (std::size_t i = 0; i < 40; ++i) {
    design[2 * i + 1] = 2.0;
    outcomes[i] = i % 3 == 0 ? 1 : 0;
  }
  CHECK_FALSE(libquant::logistic_regression(design, 2, outcomes, clusters).converged);
}

TEST_CASE("logistic regression refuses shapes that do not fit", "[stats]") {
  const std::vector<double> design(6, 1.0);
  const std::vector<std::uint8_t> outcomes{0, 1, 1};
  CHECK_THROWS_AS(
      libquant::logistic_regression(design, 4, outcomes, std::vector<std::uint32_t>{0, 1, 2}),
      libquant::InvalidArgument);
}
