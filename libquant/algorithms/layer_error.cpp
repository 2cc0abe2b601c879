#include "libquant/algorithms/layer_error.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernels/gemm.h"
#include "kernels/threads.h"
#include "libquant/algorithms/row_strips.h"
#include "libquant/core/large_vector.h"

namespace libquant {
namespace {

constexpr std::size_t kPanel = 256;

/// Four sums, so that the additions need not wait for each other.
double dot(const double* a, const double* b, std::size_t count) noexcept {
  double sums[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (std::size_t j = 0; j < 4; ++j) sums[j] += a[i + j] * b[i + j];
  for (; i < count; ++i) sums[0] += a[i] * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// Rows [begin, begin + count) of a lower triangle that stands for the whole of S: what lies below
/// the diagonal counts twice.
void load_panel(std::span<const double> lower, std::size_t size, std::size_t begin,
                std::size_t count, LargeVector<double>& panel) {
  const std::size_t width = begin + count;
  kernels::parallel_for(count, 16, [&](std::size_t i) {
    const double* from = lower.data() + (begin + i) * size;
    double* to = panel.data() + i * width;
    for (std::size_t j = 0; j < begin + i; ++j) to[j] = 2 * from[j];
    to[begin + i] = from[begin + i];
    std::fill(to + begin + i + 1, to + width, 0.0);
  });
}

/// Sum of the form over strips of fill(row, span of that row's values).
template <typename Fill>
double sum_over_strips(std::size_t rows, std::size_t cols, const Metric* metric, Fill&& fill) {
  LargeVector<double> strip(strip_rows(rows, cols) * cols);
  double total = 0;
  for_each_strip(rows, cols, [&](std::size_t begin, std::size_t count) {
    kernels::parallel_for(count, 16, [&](std::size_t r) {
      fill(begin + r, std::span<double>(strip.data() + r * cols, cols));
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

double quadratic_form(std::span<const double> lower, std::size_t size, const double* d,
                      std::size_t rows) {
  const auto stride = static_cast<std::ptrdiff_t>(size);
  std::vector<double> sums(rows);
  LargeVector<double> product(rows * std::min(kPanel, size));
  LargeVector<double> panel(std::min(kPanel, size) * size);
  for (std::size_t begin = 0; begin < size; begin += kPanel) {
    const std::size_t count = std::min(kPanel, size - begin), width = begin + count;
    load_panel(lower, size, begin, count, panel);
    kernels::gemm_f64(rows, count, width, {d, stride, 1},
                      {panel.data(), 1, static_cast<std::ptrdiff_t>(width)}, false, product.data(),
                      count);
    kernels::parallel_for(rows, 64, [&](std::size_t r) {
      sums[r] += dot(product.data() + r * count, d + r * size + begin, count);
    });
  }
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

double layer_error(ConstMatrixView weights, const QuantizedMatrix& matrix, const Metric* metric) {
  const std::size_t groups = matrix.groups();
  return sum_over_strips(
      weights.rows, weights.cols, metric, [&](std::size_t row, std::span<double> values) {
        const std::uint8_t* codes = matrix.codes.data() + row * matrix.cols;
        const std::size_t width = matrix.scheme.columns_per_group(matrix.cols);
        for (std::size_t g = 0; g < groups; ++g) {
          const double scale = matrix.scales[row * groups + g];
          const double offset = matrix.offset(row, g);
          for (std::size_t c = g * width; c < (g + 1) * width; ++c)
            values[c] =
                double{static_cast<float>(scale * codes[c] + offset)} - double{weights.row(row)[c]};
        }
      });
}

double layer_norm(ConstMatrixView weights, const Metric* metric) {
  return sum_over_strips(weights.rows, weights.cols, metric,
                         [&](std::size_t row, std::span<double> values) {
                           std::ranges::copy(weights.row(row), values.begin());
                         });
}

}  // namespace libquant
