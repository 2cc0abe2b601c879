#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace libquant {

/// A coefficient of a logistic regression with its cluster-robust standard error.
struct LogisticCoefficient {
  double value = 0;
  double standard_error = 0;
  double z = 0;
  double p_value = 1;
};

struct LogisticFit {
  std::vector<LogisticCoefficient> coefficients;  ///< one per column of the design
  /// Cluster-robust covariance of the coefficients, row-major [columns x columns].
  std::vector<double> covariance;
  double log_likelihood = 0;
  std::size_t clusters = 0;
  bool converged = false;  ///< false: separation or collinearity; coefficients mean nothing
};

/// Maximum-likelihood logistic regression by Newton's method. `design` is row-major
/// [outcomes.size() x columns]; an intercept is a column of ones that the caller adds. Standard
/// errors are the sandwich over clusters with the factor G/(G-1) (n-1)/(n-k), as statsmodels'
/// cov_type="cluster". Throws InvalidArgument for shapes that do not fit or fewer than two
/// clusters.
LogisticFit logistic_regression(std::span<const double> design, std::size_t columns,
                                std::span<const std::uint8_t> outcomes,
                                std::span<const std::uint32_t> cluster_of);

}  // namespace libquant
