#include "libquant/linalg/factor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "kernels/gemm.h"
#include "kernels/threads.h"

namespace libquant {
namespace {

constexpr std::size_t kCore = 32;    // largest block done by plain loops
constexpr std::size_t kPanel = 256;  // rows of workspace
// Of a triangle that is multiplied at a time: what lies beyond its diagonal is left out in whole
// blocks only.
constexpr std::size_t kStep = 96;

/// A square block inside a row-major matrix.
struct Block {
  double* data;
  std::size_t stride;

  double& operator()(std::size_t i, std::size_t j) const noexcept { return data[i * stride + j]; }
  Block at(std::size_t i, std::size_t j) const noexcept { return {data + i * stride + j, stride}; }
  kernels::Operand<double> operand() const noexcept {
    return {data, static_cast<std::ptrdiff_t>(stride), 1};
  }
  kernels::Operand<double> transposed() const noexcept {
    return {data, 1, static_cast<std::ptrdiff_t>(stride)};
  }
};

void negate_into(Block from, std::size_t rows, std::size_t cols, Block to) noexcept {
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) to(i, j) = -from(i, j);
}

void copy_into(Block from, std::size_t rows, std::size_t cols, Block to) noexcept {
  for (std::size_t i = 0; i < rows; ++i) std::copy_n(&from(i, 0), cols, &to(i, 0));
}

/// Column-oriented Cholesky of the lower triangle; the inner loops run along rows of the transposed
/// copy, so they vectorise.
bool cholesky_core(Block a, std::size_t n) noexcept {
  std::array<double, kCore> column;
  for (std::size_t j = 0; j < n; ++j) {
    const double pivot = a(j, j);
    if (!(pivot > 0) || !std::isfinite(pivot)) return false;
    const double root = std::sqrt(pivot);
    a(j, j) = root;
    for (std::size_t i = j + 1; i < n; ++i) column[i] = a(i, j) /= root;
    for (std::size_t i = j + 1; i < n; ++i)
      for (std::size_t k = j + 1; k <= i; ++k) a(i, k) -= column[i] * column[k];
  }
  return true;
}

/// L -> L^-1 in place, rows from the top: row i of the inverse is -(L_i X) / L_ii.
void invert_lower_core(Block l, std::size_t n) noexcept {
  std::array<double, kCore> row;
  for (std::size_t i = 0; i < n; ++i) {
    const double scale = 1 / l(i, i);
    std::fill_n(row.begin(), i, 0.0);
    for (std::size_t k = 0; k < i; ++k)
      for (std::size_t j = 0; j <= k; ++j) row[j] -= l(i, k) * l(k, j);
    for (std::size_t j = 0; j < i; ++j) l(i, j) = row[j] * scale;
    l(i, i) = scale;
  }
}

class InverseCholesky {
 public:
  explicit InverseCholesky(std::size_t n) : work_(kPanel * std::max(n, kCore)) {}

  /// The lower triangle of A becomes L^-1, with A = L L^T; above it must be, and stays, zero.
  bool run(Block a, std::size_t n) {
    if (n <= kCore) {
      if (!cholesky_core(a, n)) return false;
      invert_lower_core(a, n);
      return true;
    }
    const std::size_t top = (n / 2 + kCore - 1) / kCore * kCore;
    const std::size_t rest = n - top;
    const Block x11 = a;
    const Block a21 = a.at(top, 0);
    const Block x22 = a.at(top, top);
    if (!run(x11, top)) return false;
    // L21 = A21 X11^T is kept negated: what follows only needs -L21 once on each side.
    multiply_transposed(a21, rest, top, x11);
    subtract_square(x22, a21, rest, top);
    if (!run(x22, rest)) return false;
    multiply_right(a21, rest, top, x11);
    multiply_left(x22, a21, rest, top);
    return true;
  }

 private:
  /// B[rows x n] := -B X^T for lower triangular X, a panel of rows at a time.
  void multiply_transposed(Block b, std::size_t rows, std::size_t n, Block x) noexcept {
    for_panels(rows, n, [&](std::size_t row, std::size_t count, Block panel) {
      negate_into(b.at(row, 0), count, n, panel);
      for (std::size_t j = 0; j < n; j += kStep) {
        const std::size_t wide = std::min(kStep, n - j);
        kernels::gemm_f64(count, wide, j + wide, panel.operand(), x.at(j, 0).transposed(), false,
                          &b(row, j), b.stride);
      }
    });
  }

  /// B[rows x n] := B X for lower triangular X, a panel of rows at a time.
  void multiply_right(Block b, std::size_t rows, std::size_t n, Block x) noexcept {
    for_panels(rows, n, [&](std::size_t row, std::size_t count, Block panel) {
      copy_into(b.at(row, 0), count, n, panel);
      for (std::size_t j = 0; j < n; j += kStep)
        kernels::gemm_f64(count, std::min(kStep, n - j), n - j, panel.at(0, j).operand(),
                          x.at(j, j).operand(), false, &b(row, j), b.stride);
    });
  }

  /// B[n x cols] := X B for lower triangular X, panels of rows from the bottom.
  void multiply_left(Block x, Block b, std::size_t n, std::size_t cols) noexcept {
    constexpr std::size_t kRows = 2 * kStep;  // B is packed once for each
    static_assert(kRows <= kPanel);
    const Block panel{work_.data(), cols};
    for (std::size_t end = n; end > 0;) {
      const std::size_t begin = (end - 1) / kRows * kRows;
      kernels::gemm_f64(end - begin, cols, end, x.at(begin, 0).operand(), b.operand(), false,
                        panel.data, panel.stride);
      copy_into(panel, end - begin, cols, b.at(begin, 0));
      end = begin;
    }
  }

  /// Lower triangle of C[n x n] -= B B^T, a panel of columns at a time.
  void subtract_square(Block c, Block b, std::size_t n, std::size_t k) noexcept {
    const Block panel{work_.data(), k};
    for (std::size_t j = 0; j < n; j += kStep) {
      const std::size_t count = std::min(kStep, n - j);
      negate_into(b.at(j, 0), count, k, panel);
      kernels::gemm_f64(n - j, count, k, b.at(j, 0).operand(), panel.transposed(), true, &c(j, j),
                        c.stride);
      for (std::size_t i = j; i < j + count; ++i)
        std::fill(&c(i, i) + 1, &c(i, 0) + j + count, 0.0);
    }
  }

  /// body(first row, rows, workspace for as many rows of n columns) over panels of the rows.
  template <typename Body>
  void for_panels(std::size_t rows, std::size_t n, Body&& body) noexcept {
    for (std::size_t row = 0; row < rows; row += kPanel)
      body(row, std::min(kPanel, rows - row), Block{work_.data(), n});
  }

  std::vector<double> work_;
};

}  // namespace

bool inverse_cholesky(std::span<double> a, std::size_t n) {
  const Block whole{a.data(), n};
  for (std::size_t i = 0; i < n; ++i) std::fill(&whole(i, 0) + i + 1, &whole(i, 0) + n, 0.0);
  return InverseCholesky(n).run(whole, n);
}

LargeVector<double> inverse_factor(std::span<const double> lower,
                                   std::span<const std::uint32_t> order, double ridge,
                                   double unused) {
  const std::size_t n = order.size();
  LargeVector<double> factor(n * n);
  kernels::parallel_for(n, 8, [&](std::size_t i) {
    const std::size_t row = order[n - 1 - i];
    double* to = factor.data() + i * n;
    for (std::size_t j = 0; j < i; ++j) {
      const std::size_t col = order[n - 1 - j];
      to[j] = row > col ? lower[row * n + col] : lower[col * n + row];
    }
    const double diagonal = lower[row * n + row];
    to[i] = (diagonal == 0 ? unused : diagonal) + ridge;
  });
  if (!inverse_cholesky(factor, n)) return {};
  std::ranges::reverse(factor);
  return factor;
}

}  // namespace libquant
