#include "libquant/linalg/factor.h"

#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/threads.h"
#include "libquant/core/rng.h"
#include "tests/support/catch.h"

using libquant::inverse_cholesky;
using libquant::inverse_factor;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

namespace {

RowMajor positive_definite(Eigen::Index n, std::uint64_t seed) {
  libquant::Rng rng(seed);
  RowMajor x(n + 8, n);
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = rng.normal();
  RowMajor a = x.transpose() * x;
  a.diagonal().array() += 0.01 * a.diagonal().mean();
  return a;
}

std::vector<double> lower_of(const RowMajor& a) {
  std::vector<double> lower(static_cast<std::size_t>(a.size()),
                            std::numeric_limits<double>::quiet_NaN());
  for (Eigen::Index i = 0; i < a.rows(); ++i)
    for (Eigen::Index j = 0; j <= i; ++j)
      lower[static_cast<std::size_t>(i * a.cols() + j)] = a(i, j);
  return lower;
}

std::vector<std::uint32_t> shuffled(std::size_t n, std::uint64_t seed) {
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  libquant::Rng rng(seed);
  for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  return order;
}

}  // namespace

TEST_CASE("the inverse Cholesky factor equals Eigen's at sizes around every block edge",
          "[linalg]") {
  for (const Eigen::Index n : {1, 2, 3, 31, 32, 33, 63, 64, 65, 100, 127, 129, 200, 257, 400}) {
    const RowMajor a = positive_definite(n, static_cast<std::uint64_t>(n));
    std::vector<double> got = lower_of(a);
    REQUIRE(inverse_cholesky(got, static_cast<std::size_t>(n)));
    const RowMajor l = a.llt().matrixL();
    const RowMajor want = l.triangularView<Eigen::Lower>().solve(RowMajor::Identity(n, n).eval());
    const Eigen::Map<const RowMajor> mapped(got.data(), n, n);
    // Condition numbers here are below 1e6, so 1e-16 grows to 1e-10 at most.
    INFO("n = " << n);
    CHECK((mapped - want).cwiseAbs().maxCoeff() <= 1e-10 * want.cwiseAbs().maxCoeff());
    CHECK(mapped.triangularView<Eigen::StrictlyUpper>().toDenseMatrix().cwiseAbs().sum() == 0);
  }
}

TEST_CASE("the ordered factor satisfies U^T U (P A P^T) = 1 with the ridge added", "[linalg]") {
  const Eigen::Index n = 150;
  const RowMajor a = positive_definite(n, 5);
  const auto order = shuffled(150, 6);
  const auto u = inverse_factor(lower_of(a), order, 0.25, 1.0);
  REQUIRE(u.size() == 150 * 150);
  RowMajor permuted(n, n);
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index j = 0; j < n; ++j)
      permuted(i, j) = a(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(j)]) +
                       (i == j ? 0.25 : 0.0);
  const Eigen::Map<const RowMajor> mapped(u.data(), n, n);
  CHECK(mapped.triangularView<Eigen::StrictlyLower>().toDenseMatrix().cwiseAbs().sum() == 0);
  CHECK(mapped.diagonal().minCoeff() > 0);
  const RowMajor product = mapped.transpose() * mapped * permuted;
  CHECK((product - RowMajor::Identity(n, n)).cwiseAbs().maxCoeff() <= 1e-9);
}

TEST_CASE("an input that never moved gets its own unconnected row of the factor", "[linalg]") {
  RowMajor a = positive_definite(40, 9);
  a.row(17).setZero();
  a.col(17).setZero();
  std::vector<std::uint32_t> order(40);
  std::iota(order.begin(), order.end(), 0u);
  const auto u = inverse_factor(lower_of(a), order, 0.5, 3.5);
  REQUIRE(!u.empty());
  for (std::size_t j = 0; j < 40; ++j) {
    CHECK(u[17 * 40 + j] == (j == 17 ? 0.5 : 0.0));  // 1 / sqrt(3.5 + 0.5)
    if (j != 17) CHECK(u[j * 40 + 17] == 0);
  }
}

TEST_CASE("a matrix that is not positive definite or not finite has no factor", "[linalg]") {
  for (const Eigen::Index at : {0, 20, 70, 149}) {
    for (const double bad : {0.0, -1.0, std::nan(""), static_cast<double>(INFINITY)}) {
      RowMajor a = positive_definite(150, 3);
      a(at, at) = bad;
      std::vector<double> lower = lower_of(a);
      CHECK_FALSE(inverse_cholesky(lower, 150));
    }
  }
}

TEST_CASE("the factor has the same bytes at any thread count", "[linalg]") {
  const RowMajor a = positive_definite(333, 77);
  const auto order = shuffled(333, 78);
  libquant::kernels::set_thread_count(1);
  const auto one = inverse_factor(lower_of(a), order, 0.1, 1);
  for (const int threads : {2, 3}) {
    libquant::kernels::set_thread_count(threads);
    CHECK(inverse_factor(lower_of(a), order, 0.1, 1) == one);
  }
  libquant::kernels::set_thread_count(0);
  CHECK(!one.empty());
}
