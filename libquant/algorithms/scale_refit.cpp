#include "libquant/algorithms/scale_refit.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "kernels/gemm.h"
#include "kernels/threads.h"
#include "libquant/core/large_vector.h"
#include "libquant/quant/group_parameters.h"

namespace libquant {
namespace {

constexpr double kRidge = 1e-6;  // of the diagonal of A

// In place: A = L L^T from the lower triangle, then L L^T x = b. False: not positive definite.
bool solve_positive(double* a, std::span<double> b) noexcept {
  const std::size_t n = b.size();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = a[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
      if (i == j && !(sum > 0)) return false;
      a[i * n + j] = i == j ? std::sqrt(sum) : sum / a[j * n + j];
    }
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
  return true;
}

double dot(const double* a, const double* b, std::size_t count) noexcept {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

// Rows that are worked on at once.
std::size_t strip_height(std::size_t rows, std::size_t cols, std::size_t unknowns) {
  constexpr std::size_t kValues = std::size_t{1} << 20, kLeast = 64;
  const std::size_t widest = std::max({cols, unknowns * unknowns, std::size_t{1}});
  return std::min(rows, std::max(kValues / widest, kLeast));
}

std::size_t unknowns_of(const Scheme& scheme, std::size_t cols) {
  return scheme.groups(cols) * (scheme.zero == ZeroKind::minimum ? 2 : 1);
}

class Refit {
 public:
  Refit(ConstMatrixView weights, const Metric& metric, double damping, QuantizedMatrix& matrix)
      : weights_(weights),
        metric_(metric),
        diagonal_(metric.importance(damping)),
        matrix_(matrix),
        cols_(matrix.cols),
        groups_(matrix.groups()),
        width_(matrix.scheme.columns_per_group(matrix.cols)),
        unknowns_(unknowns_of(matrix.scheme, matrix.cols)),
        kinds_(unknowns_ / groups_),
        height_(strip_height(matrix.rows, cols_, unknowns_)),
        panel_(width_ * cols_),
        error_(height_ * cols_),
        product_(height_ * cols_),
        moved_(height_ * cols_),
        vectors_(height_ * width_),
        system_(height_ * unknowns_ * unknowns_),
        factor_(height_ * unknowns_ * unknowns_),
        slope_(height_ * unknowns_),
        step_(height_ * unknowns_),
        fitted_(height_ * groups_),
        changes_(height_) {}

  ScaleRefit run() {
    ScaleRefit total;
    for (std::size_t begin = 0; begin < matrix_.rows; begin += height_) {
      const std::size_t count = std::min(height_, matrix_.rows - begin);
      assemble(begin, count);
      kernels::parallel_for(count, 4,
                            [&](std::size_t r) { changes_[r] = refit_row(begin + r, r); });
      for (std::size_t r = 0; r < count; ++r) {
        const double before = dot(error_.data() + r * cols_, product_.data() + r * cols_, cols_);
        total.before += before;
        total.after += before + changes_[r];
        if (changes_[r] < 0) ++total.rows;
      }
    }
    return total;
  }

 private:
  // v of an unknown of a row times x, both within the unknown's group.
  double times_vector(std::size_t row, std::size_t unknown, const double* x) const noexcept {
    const std::size_t g = unknown / kinds_;
    const std::uint8_t* codes = matrix_.codes.data() + row * cols_ + g * width_;
    const bool ones = unknown % kinds_ == 1;
    const double zero = ones ? -1 : matrix_.parameters(row, g).zero;
    double sum = 0;
    for (std::size_t c = 0; c < width_; ++c) sum += x[c] * ((ones ? 0.0 : codes[c]) - zero);
    return sum;
  }

  void copy_vector(std::size_t row, std::size_t unknown, double* out) const noexcept {
    const std::size_t g = unknown / kinds_;
    const std::uint8_t* codes = matrix_.codes.data() + row * cols_ + g * width_;
    const bool ones = unknown % kinds_ == 1;
    const double zero = ones ? -1 : matrix_.parameters(row, g).zero;
    for (std::size_t c = 0; c < width_; ++c) out[c] = (ones ? 0.0 : codes[c]) - zero;
  }

  // Rows of group g of S + lambda I, up to and with its own square.
  void load_panel(std::size_t g) {
    const std::size_t first = g * width_, end = first + width_;
    kernels::parallel_for(width_, 8, [&](std::size_t i) {
      const double* from = metric_.lower().data() + (first + i) * cols_;
      double* to = panel_.data() + i * end;
      std::copy(from, from + first + i, to);
      to[first + i] = diagonal_[first + i];
      for (std::size_t j = i + 1; j < width_; ++j)
        to[first + j] = metric_.lower()[(first + j) * cols_ + first + i];
    });
  }

  void load_error(std::size_t begin, std::size_t count) {
    kernels::parallel_for(count, 8, [&](std::size_t r) {
      const std::size_t row = begin + r;
      for (std::size_t c = 0; c < cols_; ++c) {
        const float value = matrix_.value(row, c / width_, matrix_.codes[row * cols_ + c]);
        error_[r * cols_ + c] = double{value} - double{weights_.row(row)[c]};
      }
    });
  }

  // A of every row of a strip (lower triangle), and its error times the metric.
  void assemble(std::size_t begin, std::size_t count) {
    load_error(begin, count);
    std::ranges::fill(product_, 0.0);
    const auto stride = static_cast<std::ptrdiff_t>(cols_);
    for (std::size_t g = 0; g < groups_; ++g) {
      load_panel(g);
      const std::size_t first = g * width_, end = first + width_;
      const auto across = static_cast<std::ptrdiff_t>(end);
      kernels::gemm_f64(count, end, width_, {error_.data() + first, stride, 1},
                        {panel_.data(), across, 1}, true, product_.data(), cols_);
      if (first > 0)
        kernels::gemm_f64(count, width_, first, {error_.data(), stride, 1},
                          {panel_.data(), 1, across}, true, product_.data() + first, cols_);
      for (std::size_t kind = 0; kind < kinds_; ++kind)
        add_unknown(begin, count, g * kinds_ + kind, end);
    }
  }

  void add_unknown(std::size_t begin, std::size_t count, std::size_t k, std::size_t end) {
    kernels::parallel_for(
        count, 8, [&](std::size_t r) { copy_vector(begin + r, k, vectors_.data() + r * width_); });
    kernels::gemm_f64(count, end, width_, {vectors_.data(), static_cast<std::ptrdiff_t>(width_), 1},
                      {panel_.data(), static_cast<std::ptrdiff_t>(end), 1}, false, moved_.data(),
                      end);
    kernels::parallel_for(count, 8, [&](std::size_t r) {
      double* a = system_.data() + (r * unknowns_ + k) * unknowns_;
      for (std::size_t j = 0; j <= k; ++j)
        a[j] = times_vector(begin + r, j, moved_.data() + r * end + j / kinds_ * width_);
    });
  }

  // Returns by how much the row's error changes: 0 where it keeps its parameters.
  double refit_row(std::size_t row, std::size_t r) noexcept {
    const double* a = system_.data() + r * unknowns_ * unknowns_;
    double* factor = factor_.data() + r * unknowns_ * unknowns_;
    const std::span<double> slope(slope_.data() + r * unknowns_, unknowns_);
    const std::span<double> step(step_.data() + r * unknowns_, unknowns_);
    std::copy(a, a + unknowns_ * unknowns_, factor);
    for (std::size_t k = 0; k < unknowns_; ++k) {
      slope[k] = times_vector(row, k, product_.data() + r * cols_ + k / kinds_ * width_);
      step[k] = -slope[k];
      double& pivot = factor[k * unknowns_ + k];
      pivot = pivot > 0 ? pivot * (1 + kRidge) : 1;  // a group of zeros keeps its scale
    }
    if (!solve_positive(factor, step)) return 0;
    const std::span<GroupParameters> fitted(fitted_.data() + r * groups_, groups_);
    if (!stored_steps(row, step, fitted)) return 0;
    double change = 0;
    for (std::size_t k = 0; k < unknowns_; ++k) {
      double sum = 2 * slope[k] + a[k * unknowns_ + k] * step[k];
      for (std::size_t j = 0; j < k; ++j) sum += 2 * a[k * unknowns_ + j] * step[j];
      change += sum * step[k];
    }
    if (!(change < 0)) return 0;
    for (std::size_t g = 0; g < groups_; ++g) matrix_.set_parameters(row, g, fitted[g]);
    return change;
  }

  // Rounds what the step leads to, and the step with it. False where a scale is not positive.
  bool stored_steps(std::size_t row, std::span<double> step,
                    std::span<GroupParameters> fitted) const noexcept {
    const ScaleType type = matrix_.scheme.scale_type;
    for (std::size_t g = 0; g < groups_; ++g) {
      const GroupParameters old = matrix_.parameters(row, g);
      const double scale = double{old.scale} + step[g * kinds_];
      if (!(scale > 0) || !std::isfinite(scale)) return false;
      fitted[g] = old;
      fitted[g].scale = stored_scale(scale, type);
      step[g * kinds_] = double{fitted[g].scale} - double{old.scale};
      if (kinds_ == 1) continue;
      const double minimum = double{old.minimum} + step[g * kinds_ + 1];
      if (!std::isfinite(minimum)) return false;
      fitted[g].minimum = stored(minimum, type);
      step[g * kinds_ + 1] = double{fitted[g].minimum} - double{old.minimum};
    }
    return true;
  }

  ConstMatrixView weights_;
  const Metric& metric_;
  std::vector<double> diagonal_;
  QuantizedMatrix& matrix_;
  std::size_t cols_, groups_, width_, unknowns_, kinds_, height_;
  LargeVector<double> panel_, error_, product_, moved_, vectors_, system_, factor_, slope_, step_;
  std::vector<GroupParameters> fitted_;
  std::vector<double> changes_;
};

}  // namespace

ScaleRefit refit_scales(ConstMatrixView weights, const Metric& metric, double damping,
                        QuantizedMatrix& matrix) {
  return Refit(weights, metric, damping, matrix).run();
}

double refit_bytes(const Scheme& scheme, std::size_t rows, std::size_t cols) {
  const std::size_t unknowns = unknowns_of(scheme, cols), width = scheme.columns_per_group(cols);
  const std::size_t row = 3 * cols + width + 2 * unknowns * unknowns;
  return 8 * static_cast<double>(strip_height(rows, cols, unknowns) * row + width * cols);
}

}  // namespace libquant
