#include "libquant/stats/significance.h"

#include <vector>

#include "libquant/core/error.h"
#include "tests/support/catch.h"

TEST_CASE("exact McNemar equals scipy's binomial test", "[stats]") {
  CHECK(libquant::mcnemar_exact(10, 2) == Approx(0.03857421875).epsilon(1e-12));
  CHECK(libquant::mcnemar_exact(2, 10) == Approx(0.03857421875).epsilon(1e-12));
  CHECK(libquant::mcnemar_exact(5, 5) == 1);
  CHECK(libquant::mcnemar_exact(0, 0) == 1);
}

TEST_CASE("chi-square with Yates' correction equals scipy's", "[stats]") {
  const auto result = libquant::chi_square_yates({{{20, 80}, {35, 65}}});
  CHECK(result.statistic == Approx(4.915360501567398).epsilon(1e-12));
  CHECK(result.p_value == Approx(0.02661890761245943).epsilon(1e-10));
  CHECK_THROWS_AS(libquant::chi_square_yates({{{0, 0}, {35, 65}}}), libquant::InvalidArgument);
}

TEST_CASE("Cohen's h, Holm's correction and the z test equal their references", "[stats]") {
  CHECK(libquant::cohens_h(0.3, 0.2) == Approx(0.231984).margin(5e-7));
  const auto adjusted = libquant::holm(std::vector<double>{0.01, 0.04, 0.03, 0.005});
  const std::vector<double> want{0.03, 0.06, 0.06, 0.02};
  for (std::size_t i = 0; i < want.size(); ++i) CHECK(adjusted[i] == Approx(want[i]));
  CHECK(libquant::two_sided_p(1.7) == Approx(0.08913092551708608).epsilon(1e-12));
  CHECK(libquant::two_sided_p(-1.7) == Approx(0.08913092551708608).epsilon(1e-12));
  CHECK_THROWS_AS(libquant::holm(std::vector<double>{1.5}), libquant::InvalidArgument);
}
