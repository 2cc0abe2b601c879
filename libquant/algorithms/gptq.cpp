#include "libquant/algorithms/gptq.h"

#include <algorithm>
#include <vector>

#include "kernels/gemm.h"
#include "kernels/threads.h"
#include "libquant/algorithms/row_strips.h"
#include "libquant/quant/affine_grid.h"

namespace libquant {
namespace {

/// One strip of rows in visiting order, with what is shared by its blocks.
class Solver {
 public:
  Solver(ConstMatrixView weights, const Factor& factor, const GptqOptions& options,
         QuantizedMatrix& into)
      : weights_(weights),
        factor_(factor),
        options_(options),
        into_(into),
        cols_(weights.cols),
        width_(options.scheme.columns_per_group(weights.cols)),
        block_(block_columns(options, weights.cols)),
        values_(strip_rows(weights.rows, weights.cols) * weights.cols),
        errors_(strip_rows(weights.rows, weights.cols) * block_),
        upper_(block_ * block_),
        inverse_diagonal_(block_) {
    if (!options.clip.weighted) return;
    importance_.resize(cols_);
    for (std::size_t i = 0; i < cols_; ++i) {
      const double u = factor.upper[i * cols_ + i];
      importance_[options.static_groups ? factor.order[i] : i] = 1 / (u * u);
    }
  }

  void solve_strip(std::size_t first_row, std::size_t rows) {
    kernels::parallel_for(rows, 16, [&](std::size_t r) { load_row(first_row + r, row_values(r)); });
    for (std::size_t begin = 0; begin < cols_; begin += block_) {
      const std::size_t count = std::min(block_, cols_ - begin);
      load_factor(begin, count);
      kernels::parallel_for(rows, 4,
                            [&](std::size_t r) { solve_row(first_row + r, r, begin, count); });
      spread_beyond(begin, count, rows);
    }
  }

 private:
  static std::size_t block_columns(const GptqOptions& options, std::size_t cols) {
    const std::size_t group = options.scheme.group_size;
    std::size_t block = std::max<std::size_t>(options.block_columns, 1);
    if (group != 0 && !options.static_groups) block = (block + group - 1) / group * group;
    return std::min(block, cols);
  }

  double* row_values(std::size_t r) noexcept { return values_.data() + r * cols_; }

  void load_row(std::size_t row, double* values) {
    const std::span<const float> from = weights_.row(row);
    if (options_.static_groups) fit_as_given(row, from, values);
    for (std::size_t i = 0; i < cols_; ++i) values[i] = from[factor_.order[i]];
  }

  /// Uses `values` as scratch space.
  void fit_as_given(std::size_t row, std::span<const float> from, double* values) {
    std::ranges::copy(from, values);
    for (std::size_t g = 0; g < into_.groups(); ++g)
      into_.set_parameters(row, g, fit(values + g * width_, g * width_));
  }

  /// The block's triangle of U, contiguous, and the reciprocals of its diagonal.
  void load_factor(std::size_t begin, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
      const double* from = factor_.upper.data() + (begin + i) * cols_ + begin;
      std::copy_n(from, count, upper_.data() + i * block_);
      inverse_diagonal_[i] = 1 / from[i];
    }
  }

  GroupParameters fit(const double* values, std::size_t position) const noexcept {
    const std::span<const double> importance(importance_);
    return fit_group({values, width_},
                     importance.empty() ? importance : importance.subspan(position, width_),
                     options_.scheme, options_.clip);
  }

  void solve_row(std::size_t row, std::size_t r, std::size_t begin, std::size_t count) {
    double* const values = row_values(r) + begin;
    double* const errors = errors_.data() + r * block_;
    std::uint8_t* const codes = into_.codes.data() + row * cols_;
    AffineGrid grid({}, options_.scheme);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t column = factor_.order[begin + i];
      if (options_.static_groups) {
        grid = AffineGrid(into_.parameters(row, column / width_), options_.scheme);
      } else if ((begin + i) % width_ == 0) {
        const GroupParameters fitted = fit(values + i, begin + i);
        into_.set_parameters(row, column / width_, fitted);
        grid = AffineGrid(fitted, options_.scheme);
      } else if (i == 0) {
        grid = AffineGrid(into_.parameters(row, column / width_), options_.scheme);
      }
      const double code = grid.code(values[i]);
      codes[column] = static_cast<std::uint8_t>(code);
      const double error = (grid.value(code) - values[i]) * inverse_diagonal_[i];
      errors[i] = error;
      const double* const u = upper_.data() + i * block_;
      for (std::size_t j = i + 1; j < count; ++j) values[j] += error * u[j];
    }
  }

  void spread_beyond(std::size_t begin, std::size_t count, std::size_t rows) noexcept {
    const std::size_t end = begin + count;
    if (end == cols_) return;
    const auto stride = static_cast<std::ptrdiff_t>(cols_);
    kernels::gemm_f64(
        rows, cols_ - end, count, {errors_.data(), static_cast<std::ptrdiff_t>(block_), 1},
        {factor_.upper.data() + begin * cols_ + end, stride, 1}, true, values_.data() + end, cols_);
  }

  ConstMatrixView weights_;
  const Factor& factor_;
  const GptqOptions& options_;
  QuantizedMatrix& into_;
  std::size_t cols_;
  std::size_t width_;
  std::size_t block_;
  std::vector<double> importance_;        // in the order in which groups are fitted, or empty
  std::vector<double> values_;            // [strip x cols], in visiting order
  std::vector<double> errors_;            // [strip x block], (q - w) / U_ii
  std::vector<double> upper_;             // [block x block]
  std::vector<double> inverse_diagonal_;  // of the block
};

}  // namespace

QuantizedMatrix gptq(ConstMatrixView weights, const Factor& factor, const GptqOptions& options) {
  QuantizedMatrix made = make_quantized(options.scheme, weights.rows, weights.cols);
  Solver solver(weights, factor, options, made);
  for_each_strip(weights.rows, weights.cols,
                 [&](std::size_t begin, std::size_t rows) { solver.solve_strip(begin, rows); });
  return made;
}

}  // namespace libquant
