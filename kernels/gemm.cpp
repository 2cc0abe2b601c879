#include "kernels/gemm.h"

#include "kernels/cpu/dispatch.h"
#include "kernels/gemm_driver.h"

namespace libquant::kernels {
namespace {

// Blocks of a lower triangle, `high` rows of twice as many columns: first all that lie below the
// diagonal, then those on it, the larger half of these before the smaller one. So the last blocks
// are the smallest, and no thread waits long for another.
struct SyrkBlocks {
  std::size_t size, high;

  // High blocks, for a panel is read once for every block that needs it; but an even number of rows
  // of them, and a few blocks for every thread. No sum depends on the cut.
  SyrkBlocks(std::size_t k, std::size_t panel, std::size_t threads) noexcept : size(k), high(0) {
    std::size_t parts = 2 * ceil_div(k, 8 * panel);
    while (parts * (parts + 2) < 12 * threads) parts += 2;
    high = ceil_div(ceil_div(k, parts), panel) * panel;
  }

  std::size_t rows() const noexcept { return ceil_div(size, high); }
  // Row r has r / 2 blocks below the diagonal.
  std::size_t below() const noexcept { return (rows() / 2) * ((rows() - 1) / 2); }
  std::size_t count() const noexcept { return below() + rows(); }

  struct Block {
    std::size_t row, rows, col, cols;
  };
  Block at(std::size_t i) const noexcept {
    if (i >= below()) {
      const std::size_t odd = rows() / 2, next = i - below();
      const std::size_t r = next < odd ? 2 * next + 1 : 2 * (next - odd);
      return block(r, r / 2);
    }
    std::size_t r = rows() - 1;
    for (; i >= r / 2; --r) i -= r / 2;
    return block(r, i);
  }

 private:
  Block block(std::size_t r, std::size_t c) const noexcept {
    const std::size_t row = r * high, rows = smaller(high, size - row), col = c * 2 * high;
    return {row, rows, col, smaller(2 * high, row + rows - col)};
  }
};

}  // namespace

void gemm_f32(std::size_t m, std::size_t n, std::size_t k, Operand<float> a, Operand<float> b,
              bool accumulate, float* c, std::size_t ldc) noexcept {
  const Part<float> part{b, n, c, ldc};
  gemm(active().f32, m, k, a, &part, 1, accumulate);
}

void gemm_f64(std::size_t m, std::size_t n, std::size_t k, Operand<double> a, Operand<double> b,
              bool accumulate, double* c, std::size_t ldc) noexcept {
  const Part<double> part{b, n, c, ldc};
  gemm(active().f64, m, k, a, &part, 1, accumulate);
}

void linear_f32(std::size_t tokens, std::size_t outputs, std::size_t inputs, const float* x,
                std::size_t ldx, const float* w, std::size_t ldw, bool accumulate, float* y,
                std::size_t ldy) noexcept {
  const LinearPart part{w, outputs, ldw, y, ldy};
  linears_f32(tokens, inputs, x, ldx, &part, 1, accumulate);
}

void linears_f32(std::size_t tokens, std::size_t inputs, const float* x, std::size_t ldx,
                 const LinearPart* linears, std::size_t count, bool accumulate) noexcept {
  const KernelTable& table = active();
  if (tokens <= kFewTokens) {
    constexpr std::size_t kRows = 32;
    for (const LinearPart* l = linears; l < linears + count; ++l) {
      parallel_for(ceil_div(l->outputs, kRows), 1, [&](std::size_t i) {
        const std::size_t o = i * kRows;
        table.linear_rows(tokens, smaller(kRows, l->outputs - o), inputs, x, ldx, l->w + o * l->ldw,
                          l->ldw, accumulate, l->y + o, l->ldy);
      });
    }
    return;
  }
  constexpr std::size_t kMost = 4;
  for (; count > 0; linears += smaller(count, kMost), count -= smaller(count, kMost)) {
    Part<float> parts[kMost];
    const std::size_t some = smaller(count, kMost);
    for (std::size_t i = 0; i < some; ++i)
      parts[i] = {{linears[i].w, 1, static_cast<std::ptrdiff_t>(linears[i].ldw)},
                  linears[i].outputs,
                  linears[i].y,
                  linears[i].ldy};
    gemm(table.f32, tokens, inputs, {x, static_cast<std::ptrdiff_t>(ldx), 1}, parts, some,
         accumulate);
  }
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
  const SyrkBlocks blocks(k, nr, static_cast<std::size_t>(thread_count()));
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
    parallel_for(blocks.count(), 1, [&](std::size_t i) {
      const auto [row, rows, col, cols] = blocks.at(i);
      for (std::size_t first = 0; first < count; first += kSyrkTokens)
        table.syrk_block(row, rows, col, cols, smaller(kSyrkTokens, count - first),
                         packed + first * panels * nr, h, ldh);
    });
  }
}

}  // namespace libquant::kernels
