#include "libquant/stats/significance.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <numeric>

#include "libquant/core/error.h"

namespace libquant {

double mcnemar_exact(std::size_t b, std::size_t c) {
  const std::size_t n = b + c;
  if (n == 0) return 1;
  const boost::math::binomial coin(static_cast<double>(n), 0.5);
  return std::min(1.0, 2 * boost::math::cdf(coin, static_cast<double>(std::min(b, c))));
}

ChiSquare chi_square_yates(const std::array<std::array<double, 2>, 2>& table) {
  const double rows[2] = {table[0][0] + table[0][1], table[1][0] + table[1][1]};
  const double cols[2] = {table[0][0] + table[1][0], table[0][1] + table[1][1]};
  const double total = rows[0] + rows[1];
  require(rows[0] > 0 && rows[1] > 0 && cols[0] > 0 && cols[1] > 0,
          "chi-square needs non-empty rows and columns, found sums {} {} / {} {}", rows[0], rows[1],
          cols[0], cols[1]);
  double statistic = 0;
  for (std::size_t r = 0; r < 2; ++r) {
    for (std::size_t c = 0; c < 2; ++c) {
      const double expected = rows[r] * cols[c] / total;
      const double gap = std::abs(table[r][c] - expected);
      const double corrected = gap - std::min(0.5, gap);
      statistic += corrected * corrected / expected;
    }
  }
  const boost::math::chi_squared distribution(1);
  return {statistic, boost::math::cdf(boost::math::complement(distribution, statistic))};
}

double cohens_h(double p, double q) {
  require(p >= 0 && p <= 1 && q >= 0 && q <= 1, "Cohen's h of shares {} and {}", p, q);
  return 2 * (std::asin(std::sqrt(p)) - std::asin(std::sqrt(q)));
}

std::vector<double> holm(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double running = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double p = p_values[order[rank]];
    require(p >= 0 && p <= 1, "a p-value of {}", p);
    running = std::max(running, p * static_cast<double>(order.size() - rank));
    adjusted[order[rank]] = std::min(1.0, running);
  }
  return adjusted;
}

double two_sided_p(double z) {
  return std::min(
      1.0, 2 * boost::math::cdf(boost::math::complement(boost::math::normal(), std::abs(z))));
}

}  // namespace libquant
