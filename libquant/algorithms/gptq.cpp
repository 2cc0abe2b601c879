#include "libquant/algorithms/gptq.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <vector>

#include "kernels/column_solve.h"
#include "kernels/gemm.h"
#include "kernels/threads.h"
#include "libquant/algorithms/row_strips.h"
#include "libquant/core/large_vector.h"
#include "libquant/quant/affine_grid.h"

namespace libquant {
namespace {

constexpr std::size_t kTile = kernels::kSolveRows;
// Columns that are solved before their errors reach the rest of the block. With a grid per column,
// fewer: the grids of a segment lie on the stack.
constexpr std::size_t kSegment = 64;
constexpr std::size_t kStaticSegment = 16;

/// Distance of two columns of a strip: whole tiles, and an odd number of cache lines, because
/// columns a multiple of 4 KB apart would fight for the same few places of the cache.
std::size_t column_stride(std::size_t rows) noexcept {
  return (rows + kTile - 1) / kTile * kTile / 16 * 16 + 8;
}

/// The grids of a segment, [columns or 1][kTile].
struct Grids {
  alignas(64) std::array<double, kStaticSegment * kTile> scale;
  alignas(64) std::array<double, kStaticSegment * kTile> inverse;
  alignas(64) std::array<double, kStaticSegment * kTile> offset;

  void set(std::size_t at, const AffineGrid& grid) noexcept {
    scale[at] = grid.scale;
    inverse[at] = grid.inverse;
    offset[at] = grid.offset;
  }
};

/// One strip of rows, transposed: a column's rows are contiguous, so that a vector holds one column
/// of several rows, which are independent. Columns are in visiting order.
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
        ld_(column_stride(strip_rows(weights.rows, weights.cols))),
        values_(weights.cols * ld_),
        errors_(block_ * ld_),
        group_values_(ld_ / kTile * width_),
        triangles_(block_ * kSegment),
        inverse_diagonal_(block_),
        tile_errors_(ld_ / kTile) {
    if (!options.clip.weighted) return;
    importance_.resize(cols_);
    for (std::size_t i = 0; i < cols_; ++i) {
      const double u = factor.upper[i * cols_ + i];
      importance_[options.static_groups ? factor.order[i] : i] = 1 / (u * u);
    }
  }

  void solve_strip(std::size_t first_row, std::size_t rows) {
    const std::size_t tiles = (rows + kTile - 1) / kTile;
    const auto for_tiles = [&](auto&& body) {
      kernels::parallel_for(tiles, 1, [&](std::size_t i) {
        body(Tile{i, first_row + i * kTile, std::min(kTile, rows - i * kTile)});
      });
    };
    for_tiles([&](const Tile& tile) { load(tile); });
    for (std::size_t begin = 0; begin < cols_; begin += block_) {
      const std::size_t count = std::min(block_, cols_ - begin);
      load_factor(begin, count);
      for_tiles([&](const Tile& tile) { solve_block(tile, begin, count); });
      spread(begin, count, begin + count, cols_, 0, rows);
    }
  }

  /// Sum over all columns and the rows solved so far of (q - w)^2 / U_ii^2.
  double error() const noexcept {
    return std::accumulate(tile_errors_.begin(), tile_errors_.end(), 0.0);
  }

 private:
  struct Tile {
    std::size_t index;
    std::size_t row;   // of W
    std::size_t rows;  // at most kTile; the lanes behind them hold zeros
  };

  static std::size_t block_columns(const GptqOptions& options, std::size_t cols) {
    const std::size_t group = options.scheme.group_size;
    std::size_t block = std::max<std::size_t>(options.block_columns, 1);
    if (group != 0 && !options.static_groups) block = (block + group - 1) / group * group;
    return std::min(block, cols);
  }

  /// Columns of the segment at column `i` of a block of `count`, which begins at `begin`.
  std::size_t segment(std::size_t begin, std::size_t i, std::size_t count) const noexcept {
    if (options_.static_groups) return std::min(kStaticSegment, count - i);
    return std::min({kSegment, count - i, width_ - (begin + i) % width_});
  }

  double* values(std::size_t column, const Tile& tile) noexcept {
    return values_.data() + column * ld_ + tile.index * kTile;
  }

  void load(const Tile& tile) {
    if (options_.static_groups) fit_as_given(tile);
    for (std::size_t i = 0; i < cols_; ++i) {
      double* to = values(i, tile);
      for (std::size_t r = 0; r < tile.rows; ++r)
        to[r] = weights_.data[(tile.row + r) * weights_.stride + factor_.order[i]];
      std::fill(to + tile.rows, to + kTile, 0.0);
    }
  }

  void fit_as_given(const Tile& tile) {
    double* const group = group_values_.data() + tile.index * width_;
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const std::span<const float> row = weights_.row(tile.row + r);
      for (std::size_t g = 0; g < into_.groups(); ++g) {
        std::ranges::copy(row.subspan(g * width_, width_), group);
        into_.set_parameters(tile.row + r, g, fit(group, g * width_));
      }
    }
  }

  /// Of the block's segments: their triangles of U, columns contiguous, and the reciprocals of the
  /// diagonal.
  void load_factor(std::size_t begin, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count;) {
      const std::size_t some = segment(begin, i, count);
      for (std::size_t j = 0; j < some; ++j) {
        const double* from = factor_.upper.data() + (begin + i + j) * cols_ + begin + i;
        for (std::size_t c = j + 1; c < some; ++c) triangles_[(i + c) * kSegment + j] = from[c];
        inverse_diagonal_[i + j] = 1 / from[j];
      }
      i += some;
    }
  }

  GroupParameters fit(const double* values, std::size_t position) const noexcept {
    const std::span<const double> importance(importance_);
    return fit_group({values, width_},
                     importance.empty() ? importance : importance.subspan(position, width_),
                     options_.scheme, options_.clip);
  }

  void solve_block(const Tile& tile, std::size_t begin, std::size_t count) {
    for (std::size_t i = 0; i < count;) {
      const std::size_t some = segment(begin, i, count);
      if (!options_.static_groups && (begin + i) % width_ == 0) fit_as_updated(tile, begin + i);
      solve_segment(tile, begin, i, some);
      keep_codes(tile, begin + i, some);
      add_errors(tile, i, some);
      spread(begin + i, some, begin + i + some, begin + count, tile.index * kTile, kTile, i);
      i += some;
    }
  }

  void fit_as_updated(const Tile& tile, std::size_t position) {
    double* const group = group_values_.data() + tile.index * width_;
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const double* from = values(position, tile) + r;
      for (std::size_t i = 0; i < width_; ++i) group[i] = from[i * ld_];
      into_.set_parameters(tile.row + r, factor_.order[position] / width_, fit(group, position));
    }
  }

  void solve_segment(const Tile& tile, std::size_t begin, std::size_t i, std::size_t some) {
    Grids grids;
    const std::size_t different = options_.static_groups ? some : 1;
    for (std::size_t c = 0; c < different; ++c) {
      const std::size_t group = factor_.order[begin + i + c] / width_;
      for (std::size_t r = 0; r < kTile; ++r) {
        const std::size_t row = tile.row + std::min(r, tile.rows - 1);
        grids.set(c * kTile + r, AffineGrid(into_.parameters(row, group), options_.scheme));
      }
    }
    kernels::solve_columns_f64({.count = some,
                                .values = values(begin + i, tile),
                                .errors = errors_.data() + i * ld_ + tile.index * kTile,
                                .ld = ld_,
                                .upper = triangles_.data() + i * kSegment,
                                .ld_upper = kSegment,
                                .inverse_diagonal = inverse_diagonal_.data() + i,
                                .scale = grids.scale.data(),
                                .inverse = grids.inverse.data(),
                                .offset = grids.offset.data(),
                                .grid_step = options_.static_groups ? kTile : 0,
                                .max_code = static_cast<double>(options_.scheme.max_code())});
  }

  void keep_codes(const Tile& tile, std::size_t position, std::size_t count) noexcept {
    for (std::size_t i = position; i < position + count; ++i) {
      const double* from = values(i, tile);
      std::uint8_t* to = into_.codes.data() + tile.row * cols_ + factor_.order[i];
      for (std::size_t r = 0; r < tile.rows; ++r)
        to[r * cols_] = static_cast<std::uint8_t>(from[r]);
    }
  }

  void add_errors(const Tile& tile, std::size_t i, std::size_t some) noexcept {
    std::array<double, kTile> sums{};
    for (std::size_t c = i; c < i + some; ++c) {
      const double* from = errors_.data() + c * ld_ + tile.index * kTile;
      for (std::size_t r = 0; r < kTile; ++r) sums[r] += from[r] * from[r];
    }
    for (std::size_t r = 0; r < tile.rows; ++r) tile_errors_[tile.index] += sums[r];
  }

  /// Columns [to, end) of rows [row, row + rows) of the strip take in the errors of the `count`
  /// columns from `from`, which lie at `at` of the block's errors.
  void spread(std::size_t from, std::size_t count, std::size_t to, std::size_t end, std::size_t row,
              std::size_t rows, std::size_t at = 0) noexcept {
    if (to == end) return;
    kernels::gemm_f64(
        end - to, rows, count,
        {factor_.upper.data() + from * cols_ + to, 1, static_cast<std::ptrdiff_t>(cols_)},
        {errors_.data() + at * ld_ + row, static_cast<std::ptrdiff_t>(ld_), 1}, true,
        values_.data() + to * ld_ + row, ld_);
  }

  ConstMatrixView weights_;
  const Factor& factor_;
  const GptqOptions& options_;
  QuantizedMatrix& into_;
  std::size_t cols_;
  std::size_t width_;
  std::size_t block_;
  std::size_t ld_;
  std::vector<double> importance_;        // in the order in which groups are fitted, or empty
  LargeVector<double> values_;            // [cols][ld]; of columns done: codes
  LargeVector<double> errors_;            // [block][ld], (q - w) / U_ii
  std::vector<double> group_values_;      // [tiles][width]
  std::vector<double> triangles_;         // [block][kSegment]
  std::vector<double> inverse_diagonal_;  // of the block
  std::vector<double> tile_errors_;       // of all strips so far
};

}  // namespace

QuantizedMatrix gptq(ConstMatrixView weights, const Factor& factor, const GptqOptions& options,
                     double* error) {
  QuantizedMatrix made = make_quantized(options.scheme, weights.rows, weights.cols);
  Solver solver(weights, factor, options, made);
  for_each_strip(weights.rows, weights.cols,
                 [&](std::size_t begin, std::size_t rows) { solver.solve_strip(begin, rows); });
  if (error != nullptr) *error = solver.error();
  return made;
}

}  // namespace libquant
