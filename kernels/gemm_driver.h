#pragma once

#include "kernels/cpu/kernel_table.h"
#include "kernels/gemm.h"
#include "kernels/threads.h"
#include "kernels/workspace.h"

// How a product is cut for caches and threads, whatever its elements are: for gemm*.cpp.

namespace libquant::kernels {

constexpr std::size_t kPackedBytes = std::size_t{4} << 20;  // of one operand: both stay in L3

constexpr std::size_t kLeastPanels = 4;  // of the left operand, in a block

// Up to this many tokens the dot products along the rows of W beat packing W.
constexpr std::size_t kFewTokens = 16;

inline std::size_t ceil_div(std::size_t a, std::size_t b) { return (a + b - 1) / b; }
inline std::size_t smaller(std::size_t a, std::size_t b) { return a < b ? a : b; }

// `total` cut into the fewest equal parts of at most `most`, a multiple of `unit`.
inline std::size_t even_part(std::size_t total, std::size_t most, std::size_t unit) {
  const std::size_t limit = most < unit ? unit : most;
  return ceil_div(ceil_div(total, ceil_div(total, limit)), unit) * unit;
}

// Rows cut into blocks: large ones, and towards the end ever smaller ones, so that no thread waits
// long for another.
struct Cuts {
  std::size_t rows, unit, most, threads;

  std::size_t next(std::size_t rest) const noexcept {
    const std::size_t share = smaller(ceil_div(rest, 2 * threads), most);
    return smaller(rest, ceil_div(share == 0 ? 1 : share, unit) * unit);
  }
  std::size_t count() const noexcept {
    std::size_t found = 0;
    for (std::size_t rest = rows; rest > 0; rest -= next(rest)) ++found;
    return found;
  }
  struct Block {
    std::size_t begin, size;
  };
  Block at(std::size_t i) const noexcept {
    std::size_t rest = rows;
    for (; i > 0; --i) rest -= next(rest);
    return {rows - rest, next(rest)};
  }
};

// One right operand and where its product goes.
template <typename Right, typename C = Right>
struct Part {
  Operand<Right> b;
  std::size_t n;
  C* c;
  std::size_t ldc;
};

template <typename T>
const T* at(const Operand<T>& x, std::size_t r, std::size_t s) noexcept {
  return x.data + static_cast<std::ptrdiff_t>(r) * x.row_stride +
         static_cast<std::ptrdiff_t>(s) * x.col_stride;
}

// One left operand times several right ones. Their panels count as one row of panels.
template <typename T, typename Left, typename Right, typename C>
struct Product {
  const GemmTable<T, Left, Right, C>& table;
  Operand<Left> a;
  const Part<Right, C>* parts;
  std::size_t count;
  bool accumulate;
  std::size_t depth;  // summands of a pass
  T* right;

  struct Panel {
    const Part<Right, C>* part;
    std::size_t col, cols;
  };
  Panel panel(std::size_t i) const noexcept {
    const Part<Right, C>* part = parts;
    for (; i >= ceil_div(part->n, table.tile_cols); ++part) i -= ceil_div(part->n, table.tile_cols);
    const std::size_t col = i * table.tile_cols;
    return {part, col, smaller(table.tile_cols, part->n - col)};
  }
  std::size_t panels() const noexcept {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += ceil_div(parts[i].n, table.tile_cols);
    return sum;
  }

  // Calls body(first summand, summands) for every pass over [p, p + deep).
  template <typename Body>
  void for_passes(std::size_t p, std::size_t deep, const Body& body) const noexcept {
    for (std::size_t q = p; q < p + deep; q += depth) body(q, smaller(depth, p + deep - q));
  }

  // Panel `i` of the packed ones and its pass of `summands` that begins `behind` after the first.
  T* packed(std::size_t i, std::size_t deep, std::size_t behind) const noexcept {
    return right + (i * deep + behind) * table.tile_cols;
  }

  // Panels [first, first + some) over summands [p, p + deep), each with its passes in a row.
  void pack_right(std::size_t first, std::size_t some, std::size_t p,
                  std::size_t deep) const noexcept {
    parallel_for(some, 1, [&](std::size_t i) {
      const Panel wanted = panel(first + i);
      const Operand<Right>& b = wanted.part->b;
      for_passes(p, deep, [&](std::size_t q, std::size_t summands) noexcept {
        table.pack_right(at(b, q, wanted.col), b.col_stride, b.row_stride, wanted.cols, summands,
                         packed(i, deep, q - p));
      });
    });
  }

  // Rows [row, row + rows) times the packed panels [from, to), which begin at panel `first`. The
  // left panels of all passes stay in this thread's L2 cache; a right panel is read once, and the
  // strip of C below it is at hand from pass to pass.
  void multiply(std::size_t row, std::size_t rows, std::size_t first, std::size_t from,
                std::size_t to, std::size_t p, std::size_t deep) const noexcept {
    const std::size_t mr = table.tile_rows, high = ceil_div(rows, mr) * mr;
    auto* left = static_cast<T*>(scratch(Scratch::left, high * deep * sizeof(T)));
    for_passes(p, deep, [&](std::size_t q, std::size_t summands) noexcept {
      T* to_pass = left + (q - p) * high;
      for (std::size_t i = 0; i < rows; i += mr)
        table.pack_left(at(a, row + i, q), a.row_stride, a.col_stride, smaller(mr, rows - i),
                        summands, to_pass + i * summands);
    });
    for (std::size_t j = from; j < to; ++j) {
      const Panel wanted = panel(first + j);
      const std::size_t next = j + 1 < to ? j + 1 : from;
      for_passes(p, deep, [&](std::size_t q, std::size_t summands) noexcept {
        table.block(rows, wanted.cols, summands, left + (q - p) * high, packed(j, deep, q - p),
                    packed(next, deep, q - p), accumulate || q > 0,
                    wanted.part->c + row * wanted.part->ldc + wanted.col, wanted.part->ldc);
      });
    }
  }

  // All rows times the `some` packed panels. How they are cut does not change any sum.
  void multiply_all(std::size_t m, std::size_t first, std::size_t some, std::size_t p,
                    std::size_t deep) const noexcept {
    const std::size_t threads = static_cast<std::size_t>(thread_count());
    const Cuts cuts{m, kLeastPanels * table.tile_rows, table.left_bytes / sizeof(T) / deep,
                    threads};
    const std::size_t down = cuts.count();
    // Where rows are few, panels are shared out too, though each share packs its rows again.
    const std::size_t shares = down >= threads ? 1 : ceil_div(2 * threads, down);
    const std::size_t wide = ceil_div(some, shares), across = wide == 0 ? 0 : ceil_div(some, wide);
    parallel_for(down * across, 1, [&](std::size_t item) {
      const auto [row, rows] = cuts.at(item / across);
      const std::size_t j = item % across * wide;
      multiply(row, rows, first, j, smaller(j + wide, some), p, deep);
    });
  }
};

template <typename Right, typename C>
void clear(std::size_t m, const Part<Right, C>& part) noexcept {
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < part.n; ++j) part.c[i * part.ldc + j] = 0;
}

template <typename T, typename Left, typename Right, typename C>
void gemm(const GemmTable<T, Left, Right, C>& table, std::size_t m, std::size_t k, Operand<Left> a,
          const Part<Right, C>* parts, std::size_t count, bool accumulate) noexcept {
  if (k == 0) {
    for (std::size_t i = 0; i < count && !accumulate; ++i) clear(m, parts[i]);
    return;
  }
  constexpr std::size_t kPasses = 4;  // over rows of C while they are in cache
  const std::size_t depth = even_part(k, table.depth, 1);
  const std::size_t deep = smaller(k, even_part(k, kPasses * depth, depth));
  Product<T, Left, Right, C> product{table, a, parts, count, accumulate, depth, nullptr};
  const std::size_t panels = product.panels();
  if (m == 0 || panels == 0) return;
  const std::size_t panel_bytes = deep * table.tile_cols * sizeof(T);
  const std::size_t some = even_part(panels, kPackedBytes / panel_bytes, 1);
  product.right = static_cast<T*>(scratch(Scratch::right, some * panel_bytes));
  for (std::size_t first = 0; first < panels; first += some) {
    const std::size_t these = smaller(some, panels - first);
    for (std::size_t p = 0; p < k; p += deep) {
      product.pack_right(first, these, p, smaller(deep, k - p));
      product.multiply_all(m, first, these, p, smaller(deep, k - p));
    }
  }
}

}  // namespace libquant::kernels
