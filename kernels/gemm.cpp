#include "kernels/gemm.h"

#include "kernels/cpu/dispatch.h"
#include "kernels/threads.h"
#include "kernels/workspace.h"

namespace libquant::kernels {
namespace {

constexpr std::size_t kPackedBytes = std::size_t{4} << 20;  // of one operand: both stay in L3

std::size_t ceil_div(std::size_t a, std::size_t b) { return (a + b - 1) / b; }
std::size_t smaller(std::size_t a, std::size_t b) { return a < b ? a : b; }

// `total` cut into the fewest equal parts of at most `most`, a multiple of `unit`.
std::size_t even_part(std::size_t total, std::size_t most, std::size_t unit) {
  const std::size_t limit = most < unit ? unit : most;
  return ceil_div(ceil_div(total, ceil_div(total, limit)), unit) * unit;
}

template <typename T>
struct Product {
  const GemmTable<T>& table;
  Operand<T> a, b;
  T* c;
  std::size_t ldc;
  T* left;
  T* right;

  // Panels of rows [row, row + rows) of A and columns [col, col + cols) of B over `depth` summands.
  void pack(std::size_t row, std::size_t rows, std::size_t col, std::size_t cols, std::size_t p,
            std::size_t depth, bool right_too) const noexcept {
    const std::size_t mr = table.tile_rows, nr = table.tile_cols;
    const std::size_t lefts = ceil_div(rows, mr), rights = right_too ? ceil_div(cols, nr) : 0;
    const auto at = [](const Operand<T>& x, std::size_t r, std::size_t s) noexcept {
      return x.data + static_cast<std::ptrdiff_t>(r) * x.row_stride +
             static_cast<std::ptrdiff_t>(s) * x.col_stride;
    };
    parallel_for(lefts + rights, 4, [&](std::size_t i) {
      if (i < rights) {
        table.pack_right(at(b, p, col + i * nr), b.col_stride, b.row_stride,
                         smaller(nr, cols - i * nr), depth, right + i * nr * depth);
      } else {
        const std::size_t j = i - rights;
        table.pack_left(at(a, row + j * mr, p), a.row_stride, a.col_stride,
                        smaller(mr, rows - j * mr), depth, left + j * mr * depth);
      }
    });
  }

  void multiply(std::size_t row, std::size_t rows, std::size_t col, std::size_t cols,
                std::size_t depth, bool accumulate) const noexcept {
    const std::size_t high = even_part(rows, table.block_rows, table.tile_rows);
    const std::size_t wide = even_part(cols, 4 * table.tile_cols, table.tile_cols);
    const std::size_t down = ceil_div(rows, high), across = ceil_div(cols, wide);
    parallel_for(down * across, 1, [&](std::size_t item) {
      const std::size_t i = item / across * high, j = item % across * wide;
      table.block(smaller(high, rows - i), smaller(wide, cols - j), depth, left + i * depth,
                  right + j * depth, accumulate, c + (row + i) * ldc + col + j, ldc);
    });
  }
};

template <typename T>
void gemm(const GemmTable<T>& table, std::size_t m, std::size_t n, std::size_t k, Operand<T> a,
          Operand<T> b, bool accumulate, T* c, std::size_t ldc) noexcept {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (std::size_t i = 0; i < m && !accumulate; ++i)
      for (std::size_t j = 0; j < n; ++j) c[i * ldc + j] = 0;
    return;
  }
  const std::size_t depth = even_part(k, table.depth, 1);
  const std::size_t fit = kPackedBytes / sizeof(T) / depth;
  const std::size_t rows = even_part(m, fit, table.tile_rows);
  const std::size_t cols = even_part(n, fit, table.tile_cols);
  const Product<T> product{table,
                           a,
                           b,
                           c,
                           ldc,
                           static_cast<T*>(scratch(Scratch::left, rows * depth * sizeof(T))),
                           static_cast<T*>(scratch(Scratch::right, cols * depth * sizeof(T)))};
  for (std::size_t j = 0; j < n; j += cols) {
    const std::size_t wide = smaller(cols, n - j);
    for (std::size_t p = 0; p < k; p += depth) {
      const std::size_t deep = smaller(depth, k - p);
      for (std::size_t i = 0; i < m; i += rows) {
        const std::size_t high = smaller(rows, m - i);
        product.pack(i, high, j, wide, p, deep, i == 0);
        product.multiply(i, high, j, wide, deep, accumulate || p > 0);
      }
    }
  }
}

// Up to this many tokens the dot products along the rows of W beat packing W.
constexpr std::size_t kFewTokens = 16;

}  // namespace

void gemm_f32(std::size_t m, std::size_t n, std::size_t k, Operand<float> a, Operand<float> b,
              bool accumulate, float* c, std::size_t ldc) noexcept {
  gemm(active().f32, m, n, k, a, b, accumulate, c, ldc);
}

void gemm_f64(std::size_t m, std::size_t n, std::size_t k, Operand<double> a, Operand<double> b,
              bool accumulate, double* c, std::size_t ldc) noexcept {
  gemm(active().f64, m, n, k, a, b, accumulate, c, ldc);
}

void linear_f32(std::size_t tokens, std::size_t outputs, std::size_t inputs, const float* x,
                std::size_t ldx, const float* w, std::size_t ldw, bool accumulate, float* y,
                std::size_t ldy) noexcept {
  const KernelTable& table = active();
  if (tokens <= kFewTokens) {
    constexpr std::size_t kRows = 32;
    parallel_for(ceil_div(outputs, kRows), 1, [&](std::size_t i) {
      const std::size_t o = i * kRows;
      table.linear_rows(tokens, smaller(kRows, outputs - o), inputs, x, ldx, w + o * ldw, ldw,
                        accumulate, y + o, ldy);
    });
    return;
  }
  gemm(table.f32, tokens, outputs, inputs, {x, static_cast<std::ptrdiff_t>(ldx), 1},
       {w, 1, static_cast<std::ptrdiff_t>(ldw)}, accumulate, y, ldy);
}

void syrk_f64_f32(std::size_t tokens, std::size_t k, const float* x, std::size_t ldx, double* h,
                  std::size_t ldh) noexcept {
  const KernelTable& table = active();
  const std::size_t nr = table.f32.tile_cols, panels = ceil_div(k, nr);
  if (panels == 0) return;
  const std::size_t fit = kPackedBytes / sizeof(float) / kSyrkTokens / (panels * nr);
  const std::size_t group = kSyrkTokens * (fit == 0 ? 1 : fit);  // tokens packed at a time
  auto* packed = static_cast<float*>(
      scratch(Scratch::right, smaller(group, tokens) * panels * nr * sizeof(float)));
  const std::size_t high = nr, wide = 4 * nr, across = ceil_div(k, wide);
  for (std::size_t t = 0; t < tokens; t += group) {
    const std::size_t count = smaller(group, tokens - t);
    const std::size_t chunks = ceil_div(count, kSyrkTokens);
    parallel_for(chunks * panels, 4, [&](std::size_t i) {
      const std::size_t first = i / panels * kSyrkTokens, j = i % panels * nr;
      const std::size_t depth = smaller(kSyrkTokens, count - first);
      table.f32.pack_right(x + (t + first) * ldx + j, 1, static_cast<std::ptrdiff_t>(ldx),
                           smaller(nr, k - j), depth, packed + first * panels * nr + j * depth);
    });
    // A block of H stays in cache while all packed chunks are added to it.
    parallel_for(panels * across, 1, [&](std::size_t item) {
      const std::size_t row = (panels - 1 - item / across) * high, col = item % across * wide;
      if (col > row) return;
      for (std::size_t first = 0; first < count; first += kSyrkTokens)
        table.syrk_block(row, smaller(high, k - row), col, smaller(wide, row + high - col),
                         smaller(kSyrkTokens, count - first), packed + first * panels * nr, h, ldh);
    });
  }
}

}  // namespace libquant::kernels
