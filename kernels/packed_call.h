#pragma once

#include "kernels/cpu/packed_table.h"
#include "kernels/packed_matmul.h"
#include "kernels/threads.h"

// What the integer and the exact products of kernels/packed_matmul.cpp have in common.
namespace libquant::kernels {

constexpr std::size_t kMostTokenColumns = 144;             // of one pass over the weights
constexpr std::size_t kItemBytes = std::size_t{64} << 10;  // packed: worth handing to a thread

constexpr std::size_t ceil_div(std::size_t a, std::size_t b) noexcept { return (a + b - 1) / b; }
constexpr std::size_t smaller(std::size_t a, std::size_t b) noexcept { return a < b ? a : b; }

/// Columns cut into tiles whose widths differ by at most one unit, the wider ones first. A unit is
/// the columns of a token.
struct ColumnTiles {
  std::size_t columns, unit, count, narrow, wide_ones;

  ColumnTiles(std::size_t all, std::size_t most, std::size_t columns_of_token) noexcept
      : columns(all),
        unit(columns_of_token),
        count(ceil_div(all, most / unit * unit)),
        narrow(all / unit / count * unit),
        wide_ones(all / unit % count) {}

  std::size_t width(std::size_t t) const noexcept { return t < wide_ones ? narrow + unit : narrow; }
  std::size_t first(std::size_t t) const noexcept {
    return t * narrow + smaller(t, wide_ones) * unit;
  }
};

/// Columns of a tile, and the token that the first of them belongs to.
struct TileColumns {
  std::size_t first, count, token, tokens;
};

/// Carves one scratch block into arrays, each beginning a cache line.
struct Carver {
  unsigned char* base;
  std::size_t used = 0;

  template <typename T>
  T* take(std::size_t count) noexcept {
    T* at = base == nullptr ? nullptr : reinterpret_cast<T*>(base + used);
    used += ceil_div(count * sizeof(T), kLineBytes) * kLineBytes;
    return at;
  }
};

/// Outputs of a pass: `at` is that of its first token and row 0.
struct PackedOutputs {
  float* at;
  std::size_t ldy;
};

struct PackedCall {
  const PackedTable& table;
  const PackedFormat& format;
  const unsigned char* packed;
  const MatmulOptions& options;

  const unsigned char* panel(std::size_t p) const noexcept {
    return packed + smaller(p, format.panels() - 1) * format.panel_bytes();
  }
  /// Writes columns of one panel from totals[columns][16]; nothing beyond the last panel.
  void finish(std::size_t panel, const TileColumns& columns, const float* totals,
              const PackedOutputs& y) const noexcept {
    if (panel >= format.panels()) return;
    const std::size_t row = panel * kPanelRows;
    const PackedOutput output{options.alpha, options.bias == nullptr ? nullptr : options.bias + row,
                              options.accumulate, smaller(kPanelRows, format.rows - row),
                              columns.count != columns.tokens};
    table.finish(output, totals, columns.tokens, y.at + columns.token * y.ldy + row, y.ldy);
  }
  /// The same for `panels` panels, `apart` panels from each other, from
  /// totals[panels][columns][16].
  void finish_panels(std::size_t first, std::size_t panels, std::size_t apart,
                     const TileColumns& columns, const float* totals,
                     const PackedOutputs& y) const noexcept {
    for (std::size_t p = 0; p < panels; ++p)
      finish(first + p * apart, columns, totals + p * columns.count * kPanelRows, y);
  }
  /// Calls body(begin, end) for ranges of groups of `panels_each` panels on the call's threads;
  /// `columns` columns meet the bytes of each.
  template <typename Body>
  void for_panels(std::size_t groups, std::size_t panels_each, std::size_t columns,
                  const Body& body) const noexcept {
    const std::size_t least =
        ceil_div(kItemBytes, panels_each * format.panel_bytes() * columns + 1);
    parallel_ranges(groups, least, body, options.threads);
  }
};

/// packed_matmul in an int8 mode and in exact mode.
void packed_matmul_int8(const PackedCall& call, std::size_t tokens, bool residual, const float* x,
                        std::size_t ldx, float* y, std::size_t ldy) noexcept;
void packed_matmul_exact(const PackedCall& call, std::size_t tokens, const float* x,
                         std::size_t ldx, float* y, std::size_t ldy) noexcept;

}  // namespace libquant::kernels
