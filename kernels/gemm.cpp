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
  std::size_t depth;  // summands of a pass
  T* right;

  static const T* at(const Operand<T>& x, std::size_t r, std::size_t s) noexcept {
    return x.data + static_cast<std::ptrdiff_t>(r) * x.row_stride +
           static_cast<std::ptrdiff_t>(s) * x.col_stride;
  }

  // Calls body(first summand, summands) for every pass over [p, p + deep).
  template <typename Body>
  void for_passes(std::size_t p, std::size_t deep, const Body& body) const noexcept {
    for (std::size_t q = p; q < p + deep; q += depth) body(q, smaller(depth, p + deep - q));
  }

  // Right panels of columns [col, col + cols) over summands [p, p + deep), one pass after another.
  void pack_right(std::size_t col, std::size_t cols, std::size_t p,
                  std::size_t deep) const noexcept {
    const std::size_t nr = table.tile_cols, padded = ceil_div(cols, nr) * nr;
    parallel_for(padded / nr, 4, [&](std::size_t i) {
      for_passes(p, deep, [&](std::size_t q, std::size_t some) noexcept {
        table.pack_right(at(b, q, col + i * nr), b.col_stride, b.row_stride,
                         smaller(nr, cols - i * nr), some,
                         right + (q - p) * padded + i * nr * some);
      });
    });
  }

  // Rows [row, row + rows) and columns [first, first + some) of the packed ones. The left panels of
  // a pass are used while they are in this thread's cache, and so are the rows of C.
  void multiply(std::size_t row, std::size_t rows, std::size_t col, std::size_t cols,
                std::size_t first, std::size_t some, std::size_t p, std::size_t deep,
                bool accumulate) const noexcept {
    const std::size_t mr = table.tile_rows, nr = table.tile_cols;
    const std::size_t padded = ceil_div(cols, nr) * nr;
    auto* left =
        static_cast<T*>(scratch(Scratch::left, ceil_div(rows, mr) * mr * depth * sizeof(T)));
    for_passes(p, deep, [&](std::size_t q, std::size_t summands) noexcept {
      for (std::size_t i = 0; i < rows; i += mr)
        table.pack_left(at(a, row + i, q), a.row_stride, a.col_stride, smaller(mr, rows - i),
                        summands, left + i * summands);
      table.block(rows, some, summands, left, right + (q - p) * padded + first * summands,
                  accumulate || q > 0, c + row * ldc + col + first, ldc);
    });
  }

  // All rows times the packed columns. How they are cut does not change any sum.
  void multiply_all(std::size_t m, std::size_t col, std::size_t cols, std::size_t p,
                    std::size_t deep, bool accumulate) const noexcept {
    const std::size_t threads = static_cast<std::size_t>(thread_count());
    const std::size_t high = even_part(m, table.block_rows, table.tile_rows);
    const std::size_t down = ceil_div(m, high);
    // Few blocks of rows: columns are shared out too, though each share packs its rows again.
    const std::size_t shares = down >= 2 * threads ? 1 : ceil_div(2 * threads, down);
    const std::size_t wide = even_part(cols, ceil_div(cols, shares), table.tile_cols);
    const std::size_t across = ceil_div(cols, wide);
    parallel_for(down * across, 1, [&](std::size_t item) {
      const std::size_t i = item / across * high, j = item % across * wide;
      multiply(i, smaller(high, m - i), col, cols, j, smaller(wide, cols - j), p, deep, accumulate);
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
  constexpr std::size_t kPasses = 4;  // over rows of C while they are in cache
  const std::size_t depth = even_part(k, table.depth, 1), deep = smaller(k, kPasses * depth);
  const std::size_t nr = table.tile_cols;
  const std::size_t cols = even_part(n, kPackedBytes / sizeof(T) / deep, nr);
  const Product<T> product{table,
                           a,
                           b,
                           c,
                           ldc,
                           depth,
                           static_cast<T*>(scratch(Scratch::right, cols * deep * sizeof(T)))};
  for (std::size_t j = 0; j < n; j += cols) {
    const std::size_t wide = smaller(cols, n - j);
    for (std::size_t p = 0; p < k; p += deep) {
      product.pack_right(j, wide, p, smaller(deep, k - p));
      product.multiply_all(m, j, wide, p, smaller(deep, k - p), accumulate);
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
  const std::size_t high = 2 * nr, wide = 4 * nr, down = ceil_div(k, high),
                    across = ceil_div(k, wide);
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
    parallel_for(down * across, 1, [&](std::size_t item) {
      const std::size_t row = (down - 1 - item / across) * high, col = item % across * wide;
      if (col > row) return;
      for (std::size_t first = 0; first < count; first += kSyrkTokens)
        table.syrk_block(row, smaller(high, k - row), col, smaller(wide, row + high - col),
                         smaller(kSyrkTokens, count - first), packed + first * panels * nr, h, ldh);
    });
  }
}

}  // namespace libquant::kernels
