#include "libquant/algorithms/layer_error.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernels/gemm.h"
#include "kernels/threads.h"
#include "libquant/algorithms/row_strips.h"

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

/// sums[r] += factor * t_r . d_r over the columns [begin, begin + count) of d.
void add_products(const std::vector<double>& t, const double* d, std::size_t size,
                  std::size_t begin, std::size_t count, double factor, std::vector<double>& sums) {
  kernels::parallel_for(sums.size(), 64, [&](std::size_t r) {
    sums[r] += factor * dot(t.data() + r * count, d + r * size + begin, count);
  });
}

std::vector<double> symmetric_block(std::span<const double> lower, std::size_t size,
                                    std::size_t begin, std::size_t count) {
  std::vector<double> block(count * count);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j <= i; ++j)
      block[i * count + j] = block[j * count + i] = lower[(begin + i) * size + begin + j];
  return block;
}

/// Sum of the form over strips of fill(row, span of that row's values).
template <typename Fill>
double sum_over_strips(std::size_t rows, std::size_t cols, const Metric* metric, Fill&& fill) {
  std::vector<double> strip(strip_rows(rows, cols) * cols);
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
  std::vector<double> product(rows * std::min(kPanel, size));
  for (std::size_t begin = 0; begin < size; begin += kPanel) {
    const std::size_t count = std::min(kPanel, size - begin);
    const auto width = static_cast<std::ptrdiff_t>(count);
    if (begin > 0) {
      kernels::gemm_f64(rows, count, begin, {d, stride, 1},
                        {lower.data() + begin * size, 1, stride}, false, product.data(), count);
      add_products(product, d, size, begin, count, 2, sums);
    }
    const std::vector<double> diagonal = symmetric_block(lower, size, begin, count);
    kernels::gemm_f64(rows, count, count, {d + begin, stride, 1}, {diagonal.data(), width, 1},
                      false, product.data(), count);
    add_products(product, d, size, begin, count, 1, sums);
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
