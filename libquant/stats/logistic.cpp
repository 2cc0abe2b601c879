#include "libquant/stats/logistic.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "libquant/core/error.h"
#include "libquant/linalg/factor.h"
#include "libquant/stats/significance.h"

namespace libquant {
namespace {

struct Problem {
  std::span<const double> design;
  std::size_t columns;
  std::span<const std::uint8_t> outcomes;

  const double* row(std::size_t i) const { return design.data() + i * columns; }
  double linear(std::size_t i, const std::vector<double>& beta) const {
    double sum = 0;
    for (std::size_t c = 0; c < columns; ++c) sum += row(i)[c] * beta[c];
    return sum;
  }
};

double probability(double eta) { return 1 / (1 + std::exp(-eta)); }

// log(1 + e^x) without overflow.
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

struct Derivatives {
  std::vector<double> gradient, information;
  double log_likelihood = 0;
};

Derivatives derivatives(const Problem& problem, const std::vector<double>& beta) {
  const std::size_t k = problem.columns;
  Derivatives out{std::vector<double>(k), std::vector<double>(k * k), 0};
  for (std::size_t i = 0; i < problem.outcomes.size(); ++i) {
    const double* x = problem.row(i);
    const double eta = problem.linear(i, beta), p = probability(eta);
    const double y = problem.outcomes[i] != 0 ? 1 : 0;
    out.log_likelihood += y * eta - softplus(eta);
    for (std::size_t a = 0; a < k; ++a) {
      out.gradient[a] += (y - p) * x[a];
      for (std::size_t b = 0; b <= a; ++b) out.information[a * k + b] += p * (1 - p) * x[a] * x[b];
    }
  }
  return out;
}

// Solves A x = b in place for the lower triangle of a positive definite A; false if it is not.
bool solve(std::vector<double> a, std::vector<double>& b) {
  const std::size_t k = b.size();
  if (!inverse_cholesky(a, k)) return false;
  std::vector<double> y(k);
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t j = 0; j <= i; ++j) y[i] += a[i * k + j] * b[j];
  std::fill(b.begin(), b.end(), 0.0);
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t j = 0; j <= i; ++j) b[j] += a[i * k + j] * y[i];
  return true;
}

// Sums of the score vectors within each cluster.
std::vector<std::vector<double>> cluster_scores(const Problem& problem,
                                                const std::vector<double>& beta,
                                                std::span<const std::uint32_t> cluster_of) {
  std::map<std::uint32_t, std::vector<double>> sums;
  for (std::size_t i = 0; i < problem.outcomes.size(); ++i) {
    auto& sum = sums[cluster_of[i]];
    sum.resize(problem.columns);
    const double residual =
        (problem.outcomes[i] != 0 ? 1 : 0) - probability(problem.linear(i, beta));
    for (std::size_t c = 0; c < problem.columns; ++c) sum[c] += residual * problem.row(i)[c];
  }
  std::vector<std::vector<double>> out;
  for (auto& [label, sum] : sums) out.push_back(std::move(sum));
  return out;
}

}  // namespace

LogisticFit logistic_regression(std::span<const double> design, std::size_t columns,
                                std::span<const std::uint8_t> outcomes,
                                std::span<const std::uint32_t> cluster_of) {
  const std::size_t n = outcomes.size();
  require(columns > 0 && n > columns && design.size() == n * columns && cluster_of.size() == n,
          "logistic regression: {} design values, {} outcomes, {} cluster labels, {} columns",
          design.size(), n, cluster_of.size(), columns);
  const Problem problem{design, columns, outcomes};
  std::vector<double> beta(columns, 0.0);
  LogisticFit fit;
  fit.coefficients.resize(columns);
  constexpr int kMaxSteps = 50;
  for (int step = 0; step < kMaxSteps && !fit.converged; ++step) {
    Derivatives d = derivatives(problem, beta);
    if (!solve(d.information, d.gradient)) return fit;
    double largest = 0;
    for (std::size_t c = 0; c < columns; ++c) {
      beta[c] += d.gradient[c];
      largest = std::max(largest, std::abs(d.gradient[c]));
    }
    if (!(largest < 1e3)) return fit;  // runs away: the outcomes are separable
    fit.converged = largest < 1e-10;
  }
  const Derivatives at = derivatives(problem, beta);
  fit.log_likelihood = at.log_likelihood;
  auto scores = cluster_scores(problem, beta, cluster_of);
  fit.clusters = scores.size();
  require(fit.clusters > 1, "cluster-robust errors need at least two clusters, found {}",
          fit.clusters);
  const auto groups = static_cast<double>(fit.clusters);
  const double factor =
      groups / (groups - 1) * static_cast<double>(n - 1) / static_cast<double>(n - columns);
  fit.covariance.assign(columns * columns, 0.0);
  for (auto& score : scores) {
    if (!solve(at.information, score)) {
      fit.converged = false;
      return fit;
    }
    for (std::size_t a = 0; a < columns; ++a)
      for (std::size_t b = 0; b < columns; ++b)
        fit.covariance[a * columns + b] += factor * score[a] * score[b];
  }
  for (std::size_t c = 0; c < columns; ++c) {
    LogisticCoefficient& coefficient = fit.coefficients[c];
    coefficient.value = beta[c];
    coefficient.standard_error = std::sqrt(fit.covariance[c * columns + c]);
    coefficient.z = beta[c] / coefficient.standard_error;
    coefficient.p_value = two_sided_p(coefficient.z);
  }
  return fit;
}

}  // namespace libquant
