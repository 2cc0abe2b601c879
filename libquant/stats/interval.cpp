#include "libquant/stats/interval.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>

#include "libquant/core/error.h"

namespace libquant {

double normal_quantile(double level) {
  require(level > 0 && level < 1, "confidence level {} is not between 0 and 1", level);
  return boost::math::quantile(boost::math::normal(), 0.5 + level / 2);
}

Interval wilson_interval(std::size_t successes, std::size_t n, double level) {
  require(successes <= n, "Wilson interval: {} successes of {}", successes, n);
  const double z = normal_quantile(level);
  if (n == 0) return {0, 1};
  const auto count = static_cast<double>(n);
  const double share = static_cast<double>(successes) / count;
  const double spread = z * z / count;
  const double centre = (share + spread / 2) / (1 + spread);
  const double half =
      z * std::sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread);
  return {successes == 0 ? 0 : std::max(0.0, centre - half),
          successes == n ? 1 : std::min(1.0, centre + half)};
}

}  // namespace libquant
