#include "libquant/algorithms/quadratic.h"

#include <algorithm>
#include <cmath>

#include "kernels/gemm.h"
#include "libquant/algorithms/row_strips.h"
#include "libquant/core/error.h"

namespace libquant {
namespace {

double trace(std::span<const double> lower, std::size_t size) {
  double sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += lower[i * size + i];
  return sum;
}

Matrix copy_of(ConstMatrixView weights) {
  Matrix copy(weights.rows, weights.cols);
  for (std::size_t r = 0; r < weights.rows; ++r)
    std::ranges::copy(weights.row(r), copy.row(r).begin());
  return copy;
}

// The whole of a symmetric matrix, columns and rows in `order`.
std::vector<double> ordered(std::span<const double> lower, std::span<const std::uint32_t> order) {
  const std::size_t n = order.size();
  std::vector<double> full(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      full[i * n + j] = lower[std::max<std::size_t>(order[i], order[j]) * n +
                              std::min<std::size_t>(order[i], order[j])];
  return full;
}

kernels::Operand<double> operand(std::span<const double> m, std::size_t n) {
  return {m.data(), static_cast<std::ptrdiff_t>(n), 1};
}

}  // namespace

QuadraticObjective::QuadraticObjective(const Hessian& hessian, const QuadraticTerm& term)
    : term_(term),
      size_(hessian.size()),
      sum_(hessian.lower().begin(), hessian.lower().end()),
      metric_(sum_, hessian.size(), hessian.tokens()) {
  require(term.lower.size() == sum_.size(), "a term of {} values beside a Hessian of {} inputs",
          term.lower.size(), size_);
  require(std::isfinite(term.strength) && term.strength >= 0 && term.keep >= 0 && term.keep <= 1,
          "a quadratic term of strength {} that keeps {}", term.strength, term.keep);
  const double own = trace(sum_, size_), added = trace(term.lower, size_);
  require<Error>(std::isfinite(added) && added >= 0, "a quadratic term of trace {}", added);
  trace_ratio_ = own > 0 ? added / own : 0;
  skipped_ = added == 0;
  if (skipped_ || term.strength == 0) return;
  alpha_ = term.relative ? term.strength * own / added : term.strength;
  for (std::size_t i = 0; i < size_; ++i)
    for (std::size_t j = 0; j <= i; ++j) sum_[i * size_ + j] += alpha_ * term.lower[i * size_ + j];
  metric_ = Metric(sum_, size_, hessian.tokens());
}

Matrix QuadraticObjective::target(ConstMatrixView weights, const Factor& factor) const {
  if (term_.keep == 1 || alpha_ == 0 || factor.upper.empty()) return copy_of(weights);
  return moved_weights(weights, term_.lower, (1 - term_.keep) * alpha_, factor);
}

// (P A P^T)^-1 = U^T U, so rows of W H_D A^-1 are those of ((W P^T) (P H_D P^T) U^T) U, permuted.
Matrix moved_weights(ConstMatrixView weights, std::span<const double> lower, double alpha,
                     const Factor& factor) {
  const std::size_t n = weights.cols;
  const std::vector<double> term = ordered(lower, factor.order);
  Matrix moved(weights.rows, n);
  for_each_strip(weights.rows, n, [&](std::size_t begin, std::size_t rows) {
    std::vector<double> w(rows * n), a(rows * n);
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < n; ++c)
        w[r * n + c] = double{weights.row(begin + r)[factor.order[c]]};
    kernels::gemm_f64(rows, n, n, operand(w, n), operand(term, n), false, a.data(), n);
    const auto stride = static_cast<std::ptrdiff_t>(n);
    kernels::gemm_f64(rows, n, n, operand(a, n), {factor.upper.data(), 1, stride}, false, w.data(),
                      n);
    kernels::gemm_f64(rows, n, n, operand(w, n), operand(factor.upper, n), false, a.data(), n);
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < n; ++c) {
        const std::size_t column = factor.order[c];
        moved(begin + r, column) =
            static_cast<float>(double{weights.row(begin + r)[column]} - alpha * a[r * n + c]);
      }
  });
  return moved;
}

}  // namespace libquant
