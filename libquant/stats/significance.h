#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace libquant {

/// Exact two-sided McNemar test: `b` and `c` are the discordant counts. 1 when there are none.
double mcnemar_exact(std::size_t b, std::size_t c);

struct ChiSquare {
  double statistic = 0;
  double p_value = 1;
};
/// 2 x 2 table [[a, b], [c, d]] with Yates' correction, as scipy's chi2_contingency. A table with
/// an empty row or column has no test: InvalidArgument.
ChiSquare chi_square_yates(const std::array<std::array<double, 2>, 2>& table);

/// Effect size 2 (asin sqrt p - asin sqrt q) (Cohen 1988); 0.2 small, 0.5 medium, 0.8 large.
double cohens_h(double p, double q);

/// Adjusted p-values, in the order given (Holm 1979).
std::vector<double> holm(std::span<const double> p_values);

/// p of a two-sided z test, accurate in the tails.
double two_sided_p(double z);

}  // namespace libquant
