#include "libquant/algorithms/layer_error.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/gemm.h"
#include "kernels/threads.h"
#include "libquant/algorithms/row_strips.h"
#include "libquant/core/large_vector.h"

namespace libquant {
namespace {

constexpr std::size_t kPanel = 192;

/// Sums of products in double; four, so that the additions need not wait for each other.
double dot(const float* a, const float* b, std::size_t count) noexcept {
  double sums[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (std::size_t j = 0; j < 4; ++j) sums[j] += double{a[i + j]} * double{b[i + j]};
  for (; i < count; ++i) sums[0] += double{a[i]} * double{b[i]};
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// A power of two that brings the largest entry of a positive semidefinite matrix, which lies on
/// its diagonal, to between 1 and 2: fp32 then holds the others.
double scale_of(std::span<const double> lower, std::size_t size) noexcept {
  double largest = 0;
  for (std::size_t i = 0; i < size; ++i) largest = std::max(largest, lower[i * size + i]);
  return largest > 0 && std::isfinite(largest) ? std::ldexp(1.0, -std::ilogb(largest)) : 1.0;
}

/// Rows [begin, begin + count) of a lower triangle, times `scale`, that stands for the whole of S:
/// what lies below the diagonal counts twice.
void load_panel(std::span<const double> lower, std::size_t size, double scale, std::size_t begin,
                std::size_t count, float* panel) {
  const std::size_t width = begin + count;
  kernels::parallel_for(count, 16, [&](std::size_t i) {
    const double* from = lower.data() + (begin + i) * size;
    float* to = panel + i * width;
    for (std::size_t j = 0; j < begin + i; ++j) to[j] = static_cast<float>(2 * scale * from[j]);
    to[begin + i] = static_cast<float>(scale * from[begin + i]);
    std::fill(to + begin + i + 1, to + width, 0.0f);
  });
}

/// Sum of the form over strips of fill(row, span of that row's values).
template <typename Fill>
double sum_over_strips(std::size_t rows, std::size_t cols, const Metric* metric, Fill&& fill) {
  LargeVector<float> strip(strip_rows(rows, cols) * cols);
  double total = 0;
  for_each_strip(rows, cols, [&](std::size_t begin, std::size_t count) {
    kernels::parallel_for(count, 16, [&](std::size_t r) {
      fill(begin + r, std::span<float>(strip.data() + r * cols, cols));
    });
    if (metric != nullptr) {
      total += quadratic_form(metric->lower(), cols, strip.data(), count);
    } else {
      for (std::size_t r = 0; r < count; ++r)
        total += dot(strip.data() + r * cols, strip.data() + r * cols, cols);
    }
  });
  return total;
}

}  // namespace

double quadratic_form(std::span<const double> lower, std::size_t size, const float* d,
                      std::size_t rows) {
  const double scale = scale_of(lower, size);
  std::vector<double> sums(rows);
  LargeVector<float> product(rows * std::min(kPanel, size));
  LargeVector<float> panel(std::min(kPanel, size) * size);
  for (std::size_t begin = 0; begin < size; begin += kPanel) {
    const std::size_t count = std::min(kPanel, size - begin), width = begin + count;
    load_panel(lower, size, scale, begin, count, panel.data());
    kernels::linear_f32(rows, count, width, d, size, panel.data(), width, false, product.data(),
                        count);
    kernels::parallel_for(rows, 64, [&](std::size_t r) {
      sums[r] += dot(product.data() + r * count, d + r * size + begin, count);
    });
  }
  return std::accumulate(sums.begin(), sums.end(), 0.0) / scale;
}

double layer_error(ConstMatrixView weights, const QuantizedMatrix& matrix, const Metric* metric) {
  const std::size_t groups = matrix.groups();
  return sum_over_strips(
      weights.rows, weights.cols, metric, [&](std::size_t row, std::span<float> values) {
        const std::uint8_t* codes = matrix.codes.data() + row * matrix.cols;
        const std::size_t width = matrix.scheme.columns_per_group(matrix.cols);
        for (std::size_t g = 0; g < groups; ++g) {
          const double scale = matrix.scales[row * groups + g];
          const double offset = matrix.offset(row, g);
          for (std::size_t c = g * width; c < (g + 1) * width; ++c)
            values[c] = static_cast<float>(scale * codes[c] + offset) - weights.row(row)[c];
        }
      });
}

double diagonal_error(ConstMatrixView weights, const QuantizedMatrix& matrix,
                      std::span<const double> diagonal) {
  const std::size_t groups = matrix.groups();
  const std::size_t width = matrix.scheme.columns_per_group(matrix.cols);
  std::vector<double> sums(weights.rows);
  kernels::parallel_for(weights.rows, 16, [&](std::size_t row) {
    const std::uint8_t* codes = matrix.codes.data() + row * matrix.cols;
    const std::span<const float> w = weights.row(row);
    double lanes[8] = {};
    for (std::size_t g = 0; g < groups; ++g) {
      const double scale = matrix.scales[row * groups + g], offset = matrix.offset(row, g);
      const auto add = [&](std::size_t c, double& lane) {
        const double error = scale * codes[c] + offset - w[c];
        lane += diagonal[c] * error * error;
      };
      std::size_t c = g * width;
      for (; c + 8 <= (g + 1) * width; c += 8)
        for (std::size_t j = 0; j < 8; ++j) add(c + j, lanes[j]);
      for (; c < (g + 1) * width; ++c) add(c, lanes[0]);
    }
    for (const double lane : lanes) sums[row] += lane;
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

double layer_norm(ConstMatrixView weights, const Metric* metric) {
  return sum_over_strips(weights.rows, weights.cols, metric,
                         [&](std::size_t row, std::span<float> values) {
                           std::ranges::copy(weights.row(row), values.begin());
                         });
}

}  // namespace libquant
