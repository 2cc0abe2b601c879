#include "kernels/packed_matmul.h"

#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/packed_table.h"
#include "kernels/threads.h"
#include "kernels/workspace.h"

namespace libquant::kernels {
namespace {

constexpr std::size_t kMostTokenColumns = 144;  // of one pass over the weights
constexpr std::size_t kMostRunColumns = 32768;  // 255 * 127 * this < 2^31
constexpr std::size_t kGroupRunColumns = 128;   // of a run where a weight group is a whole row
constexpr std::size_t kItemBytes = std::size_t{64} << 10;  // packed: worth handing to a thread

std::size_t ceil_div(std::size_t a, std::size_t b) { return (a + b - 1) / b; }
std::size_t smaller(std::size_t a, std::size_t b) { return a < b ? a : b; }

// Columns cut into tiles whose widths differ by at most one unit, the wider ones first.
struct Tiles {
  std::size_t columns, unit, count, narrow, wide_ones;

  Tiles(std::size_t all, std::size_t most, std::size_t columns_of_token)
      : columns(all),
        unit(columns_of_token),
        count(ceil_div(all, most / unit * unit)),
        narrow(all / unit / count * unit),
        wide_ones(all / unit % count) {}

  std::size_t width(std::size_t t) const { return t < wide_ones ? narrow + unit : narrow; }
  std::size_t first(std::size_t t) const { return t * narrow + smaller(t, wide_ones) * unit; }
  std::size_t tile_of(std::size_t column) const {
    const std::size_t wide = wide_ones * (narrow + unit);
    return column < wide ? column / (narrow + unit) : wide_ones + (column - wide) / narrow;
  }
};

PackedRuns runs_of(const PackedFormat& format, ActivationScale scale) {
  const std::size_t row = format.group == 0 ? format.padded_cols() : format.group;
  const std::size_t most = format.group != 0                 ? row
                           : scale == ActivationScale::group ? kGroupRunColumns
                                                             : kMostRunColumns;
  const std::size_t blocks =
      smaller(row < kBlockColumns ? kBlockColumns : row, most) / kBlockColumns;
  const std::size_t count = ceil_div(format.blocks(), blocks);
  return {blocks, count, format.group == 0 ? count + 1 : row / (blocks * kBlockColumns)};
}

// Carves one scratch block into arrays, each beginning a cache line.
struct Carver {
  unsigned char* base;
  std::size_t used = 0;

  template <typename T>
  T* take(std::size_t count) {
    T* at = base == nullptr ? nullptr : reinterpret_cast<T*>(base + used);
    used += ceil_div(count * sizeof(T), kLineBytes) * kLineBytes;
    return at;
  }
};

struct Call {
  const PackedTable& table;
  const PackedFormat& format;
  const unsigned char* packed;
  const MatmulOptions& options;

  const unsigned char* panel(std::size_t p) const {
    return packed + smaller(p, format.panels() - 1) * format.panel_bytes();
  }
  // Groups of `panels_each` panels that are worth the hand-over to a thread where their bytes meet
  // `columns` columns each.
  std::size_t least(std::size_t panels_each, std::size_t columns) const {
    return ceil_div(kItemBytes, panels_each * format.panel_bytes() * columns + 1);
  }
  // Writes `tokens` tokens of one panel from totals[columns][16]; nothing beyond the last panel.
  void finish(std::size_t panel, std::size_t columns, std::size_t tokens, const float* totals,
              float* y, std::size_t ldy) const {
    if (panel >= format.panels()) return;
    const std::size_t row = panel * kPanelRows;
    const PackedOutput output{options.alpha, options.bias == nullptr ? nullptr : options.bias + row,
                              options.accumulate, smaller(kPanelRows, format.rows - row),
                              columns == 2 * tokens};
    table.finish(output, totals, tokens, y + row, ldy);
  }
};

// One pass over the weights in an int8 mode.
struct IntPass {
  const Call& call;
  PackedRuns runs;
  Tiles tiles;
  bool stream;
  std::int8_t* codes;
  float* scales;
  float* moments;
  std::int32_t* starts;

  IntPass(const Call& c, std::size_t tokens, bool residual)
      : call(c),
        runs(runs_of(c.format, c.options.scale)),
        tiles(tokens * (residual ? 2 : 1),
              tokens * (residual ? 2 : 1) <= c.table.stream_columns ? c.table.stream_columns
                                                                    : c.table.tile_columns,
              residual ? 2 : 1),
        stream(tiles.columns <= c.table.stream_columns) {
    carve(nullptr);
  }
  // Sets the arrays of the quantized activations; returns their size.
  std::size_t carve(void* base) {
    Carver carver{static_cast<unsigned char*>(base)};
    codes = carver.take<std::int8_t>(tiles.columns * call.format.padded_cols());
    scales = carver.take<float>(tiles.columns * runs.count);
    moments = carver.take<float>(tiles.columns * runs.count);
    starts = carver.take<std::int32_t>(tiles.columns * runs.count);
    return carver.used;
  }
  PackedTokens tile(std::size_t t) const {
    const std::size_t first = tiles.first(t), at = first * runs.count;
    return {tiles.width(t),
            stream ? std::size_t{4} : call.table.tile_depth,
            codes + first * call.format.padded_cols(),
            scales + at,
            moments + at,
            starts + at};
  }
  void quantize(const float* x, std::size_t ldx) const {
    const PackedFormat& f = call.format;
    const std::int32_t bias = f.stored_bits() == 8 ? call.table.code_bias : 0;
    const std::int32_t factor = f.zero == PackedZero::symmetric ? f.symmetric_zero() - bias
                                : f.zero == PackedZero::minimum ? -bias
                                                                : 1;
    const QuantizeJob job{
        runs,  f.cols, f.blocks(), tiles.unit == 2, call.options.scale, call.options.tensor_scale,
        factor};
    parallel_for(
        tiles.columns / tiles.unit, 4,
        [&](std::size_t token) {
          const std::size_t column = token * tiles.unit, t = tiles.tile_of(column);
          call.table.quantize(job, x + token * ldx, column - tiles.first(t), tile(t));
        },
        call.options.threads);
  }
  // Panels first, first + apart, ... side by side: each is a stream of its own, which goes on in
  // the panel behind it when the next ones are multiplied.
  void stream_panels(std::size_t first, std::size_t apart, float* y, std::size_t ldy) const {
    const std::size_t panels = call.table.stream_panels[tiles.columns - 1];
    alignas(kLineBytes) float totals[kMostPanels * kMostStreamColumns * kPanelRows];
    __builtin_memset(totals, 0, panels * tiles.columns * kPanelRows * sizeof(float));
    PackedJob job{};
    job.format = &call.format;
    job.runs = runs;
    job.tokens = tile(0);
    job.count = call.format.blocks();
    job.totals = totals;
    for (std::size_t p = 0; p < panels; ++p) {
      job.panels[p] = call.panel(first + p * apart);
      job.codes[p] = job.panels[p] + call.format.codes_offset();
    }
    call.table.stream[bits_index(call.format.stored_bits())][tiles.columns - 1](job);
    for (std::size_t p = 0; p < panels; ++p)
      call.finish(first + p * apart, tiles.columns, tiles.columns / tiles.unit,
                  totals + p * tiles.columns * kPanelRows, y, ldy);
  }
  void multiply_stream(float* y, std::size_t ldy) const {
    const std::size_t panels = call.table.stream_panels[tiles.columns - 1];
    const std::size_t apart = ceil_div(call.format.panels(), panels);
    parallel_ranges(
        apart, call.least(panels, 1),
        [&](std::size_t begin, std::size_t end) {
          for (std::size_t p = begin; p < end; ++p) stream_panels(p, apart, y, ldy);
        },
        call.options.threads);
  }
  // What tile `t` brings nearer while it multiplies a chunk: its part of the next chunk's codes, or
  // of the first chunk of the panels behind these.
  void look_ahead(std::size_t first, std::size_t t, PackedJob& job) const {
    const PackedFormat& f = call.format;
    const std::size_t panels = call.table.tile_panels, next = job.first + kChunkBlocks;
    const bool same = next < f.blocks();
    const auto lines = static_cast<std::size_t>(f.stored_bits());
    const std::size_t each = ceil_div(lines, tiles.count);
    job.ahead_lines = 0;
    if (t * each >= lines || (!same && first + panels >= f.panels())) return;
    job.ahead_lines = each;
    for (std::size_t p = 0; p < panels; ++p) {
      const unsigned char* panel = same ? job.panels[p] : call.panel(first + panels + p);
      job.ahead[p] = panel + f.codes_offset() + (same ? next * f.block_bytes() : 0) +
                     t * each * kChunkBlocks * kLineBytes;
    }
  }
  // `tile_panels` panels from panel `first` on: expanded chunk by chunk, each met by all tiles.
  void multiply_panels(std::size_t first, float* y, std::size_t ldy) const {
    const PackedFormat& f = call.format;
    const std::size_t panels = call.table.tile_panels, index = bits_index(f.stored_bits());
    const std::size_t expanded = kChunkBlocks * 8 * kLineBytes;
    const auto expand = call.table.expand[index];
    Carver carver{nullptr};
    std::uint8_t* buffer = nullptr;
    float* totals = nullptr;
    std::int32_t* carry = nullptr;
    for (int pass = 0; pass < 2; ++pass) {
      if (pass == 1) carver = {static_cast<unsigned char*>(scratch(Scratch::left, carver.used))};
      buffer = carver.take<std::uint8_t>(panels * expanded);
      totals = carver.take<float>(panels * tiles.columns * kPanelRows);
      carry = carver.take<std::int32_t>(panels * tiles.columns * kPanelRows);
    }
    __builtin_memset(totals, 0, panels * tiles.columns * kPanelRows * sizeof(float));
    PackedJob job{};
    job.format = &f;
    job.runs = runs;
    for (std::size_t p = 0; p < panels; ++p) job.panels[p] = call.panel(first + p);
    for (; job.first < f.blocks(); job.first += kChunkBlocks) {
      job.count = smaller(kChunkBlocks, f.blocks() - job.first);
      for (std::size_t p = 0; p < panels; ++p) {
        job.codes[p] = job.panels[p] + f.codes_offset() + job.first * f.block_bytes();
        if (expand == nullptr) continue;
        expand(job.codes[p], job.count, buffer + p * expanded);
        job.codes[p] = buffer + p * expanded;
      }
      const bool last = job.first + kChunkBlocks >= f.blocks();
      for (std::size_t t = 0; t < tiles.count; ++t) {
        const std::size_t at = tiles.first(t) * panels * kPanelRows;
        job.tokens = tile(t);
        job.totals = totals + at;
        job.carry = carry + at;
        look_ahead(first, t, job);
        if (last) prefetch_outputs(first, t, y, ldy);
        call.table.tile[f.stored_bits() == 8][job.tokens.columns - 1](job);
        if (last) finish_tile(first, t, job.totals, y, ldy);
      }
    }
  }
  // Rows of y may be a multiple of a page apart and evict each other: they come while the tile that
  // writes them is multiplied.
  void prefetch_outputs(std::size_t first, std::size_t t, const float* y, std::size_t ldy) const {
    const std::size_t tokens = tiles.width(t) / tiles.unit;
    const float* row = y + tiles.first(t) / tiles.unit * ldy + first * kPanelRows;
    for (std::size_t i = 0; i < tokens; ++i, row += ldy)
      for (std::size_t p = 0; p < call.table.tile_panels && first + p < call.format.panels(); ++p)
        __builtin_prefetch(row + p * kPanelRows, 1);
  }
  void finish_tile(std::size_t first, std::size_t t, const float* totals, float* y,
                   std::size_t ldy) const {
    const std::size_t column = tiles.first(t), width = tiles.width(t);
    for (std::size_t p = 0; p < call.table.tile_panels; ++p)
      call.finish(first + p, width, width / tiles.unit, totals + p * width * kPanelRows,
                  y + column / tiles.unit * ldy, ldy);
  }
  void multiply_tiles(float* y, std::size_t ldy) const {
    const std::size_t panels = call.table.tile_panels;
    parallel_ranges(
        ceil_div(call.format.panels(), panels), call.least(panels, tiles.columns),
        [&](std::size_t begin, std::size_t end) {
          for (std::size_t i = begin; i < end; ++i) multiply_panels(i * panels, y, ldy);
        },
        call.options.threads);
  }
};

void int_matmul(const Call& call, std::size_t tokens, bool residual, const float* x,
                std::size_t ldx, float* y, std::size_t ldy) {
  const std::size_t most = kMostTokenColumns / (residual ? 2 : 1);
  const std::size_t passes = ceil_div(tokens, most), each = ceil_div(tokens, passes);
  for (std::size_t first = 0; first < tokens; first += each) {
    IntPass pass(call, smaller(each, tokens - first), residual);
    pass.carve(scratch(Scratch::right, pass.carve(nullptr)));
    pass.quantize(x + first * ldx, ldx);
    if (pass.stream) {
      pass.multiply_stream(y + first * ldy, ldy);
    } else {
      pass.multiply_tiles(y + first * ldy, ldy);
    }
  }
}

// One pass over the weights in exact mode.
struct ExactPass {
  const Call& call;
  Tiles tiles;
  const float* x;  // [tile][cols][columns of the tile]

  void multiply_panels(std::size_t first, float* y, std::size_t ldy) const {
    const PackedFormat& f = call.format;
    const std::size_t panels = call.table.tile_panels;
    const auto dequantize = call.table.dequantize[bits_index(f.stored_bits())];
    const std::size_t each = kExactColumns * kPanelRows,
                      total = panels * tiles.columns * kPanelRows;
    auto* weights =
        static_cast<float*>(scratch(Scratch::left, (panels * each + total) * sizeof(float)));
    float* totals = weights + panels * each;
    __builtin_memset(totals, 0, total * sizeof(float));
    ExactJob job{};
    for (std::size_t k = 0; k < f.cols; k += kExactColumns) {
      job.depth = smaller(kExactColumns, f.cols - k);
      for (std::size_t p = 0; p < panels; ++p) {
        dequantize(f, call.panel(first + p), k / kBlockColumns, ceil_div(job.depth, kBlockColumns),
                   weights + p * each);
        job.weights[p] = weights + p * each;
      }
      for (std::size_t t = 0; t < tiles.count; ++t) {
        job.columns = tiles.width(t);
        job.x = x + tiles.first(t) * f.cols + k * job.columns;
        job.totals = totals + tiles.first(t) * panels * kPanelRows;
        call.table.exact[job.columns - 1](job);
      }
    }
    for (std::size_t t = 0; t < tiles.count; ++t) {
      const std::size_t column = tiles.first(t), width = tiles.width(t);
      for (std::size_t p = 0; p < panels; ++p)
        call.finish(first + p, width, width, totals + (column * panels + p * width) * kPanelRows,
                    y + column * ldy, ldy);
    }
  }
};

void exact_matmul(const Call& call, std::size_t tokens, const float* x, std::size_t ldx, float* y,
                  std::size_t ldy) {
  const std::size_t passes = ceil_div(tokens, kMostTokenColumns), each = ceil_div(tokens, passes);
  const std::size_t cols = call.format.cols, panels = call.table.tile_panels;
  for (std::size_t begin = 0; begin < tokens; begin += each) {
    const Tiles tiles(smaller(each, tokens - begin), call.table.exact_columns, 1);
    auto* packed_x =
        static_cast<float*>(scratch(Scratch::right, tiles.columns * cols * sizeof(float)));
    parallel_for(
        tiles.columns, 4,
        [&](std::size_t token) {
          const std::size_t t = tiles.tile_of(token), width = tiles.width(t);
          const float* from = x + (begin + token) * ldx;
          float* to = packed_x + tiles.first(t) * cols + (token - tiles.first(t));
          for (std::size_t k = 0; k < cols; ++k) to[k * width] = from[k];
        },
        call.options.threads);
    const ExactPass pass{call, tiles, packed_x};
    parallel_ranges(
        ceil_div(call.format.panels(), panels), call.least(panels, 8 * tiles.columns),
        [&](std::size_t from, std::size_t to) {
          for (std::size_t i = from; i < to; ++i)
            pass.multiply_panels(i * panels, y + begin * ldy, ldy);
        },
        call.options.threads);
  }
}

}  // namespace

ActivationMode resolved_mode(const PackedFormat&, std::size_t tokens,
                             ActivationMode mode) noexcept {
  if (mode != ActivationMode::automatic) return mode;
  return tokens <= 2 ? ActivationMode::int8_residual : ActivationMode::int8;
}

void packed_matmul(const PackedFormat& format, const void* packed, std::size_t tokens,
                   const float* x, std::size_t ldx, float* y, std::size_t ldy,
                   const MatmulOptions& options) noexcept {
  if (tokens == 0 || format.rows == 0) return;
  const Call call{active_packed(), format, static_cast<const unsigned char*>(packed), options};
  const ActivationMode mode = resolved_mode(format, tokens, options.mode);
  if (mode == ActivationMode::exact) {
    exact_matmul(call, tokens, x, ldx, y, ldy);
  } else {
    int_matmul(call, tokens, mode == ActivationMode::int8_residual, x, ldx, y, ldy);
  }
}

void dequantize_packed(const PackedFormat& format, const void* packed, std::size_t first,
                       std::size_t rows, float* w, std::size_t ld) noexcept {
  const auto dequantize = active_packed().dequantize[bits_index(format.stored_bits())];
  const auto* bytes = static_cast<const unsigned char*>(packed);
  const std::size_t first_panel = first / kPanelRows;
  const std::size_t end_panel = ceil_div(first + rows, kPanelRows);
  parallel_for(end_panel - first_panel, 1, [&](std::size_t i) {
    const std::size_t row = (first_panel + i) * kPanelRows;
    float lines[kBlockColumns * kPanelRows];
    for (std::size_t b = 0; b < format.blocks(); ++b) {
      dequantize(format, bytes + (first_panel + i) * format.panel_bytes(), b, 1, lines);
      const std::size_t cols = smaller(kBlockColumns, format.cols - b * kBlockColumns);
      for (std::size_t r = 0; r < kPanelRows; ++r) {
        if (row + r < first || row + r >= first + rows) continue;
        float* out = w + (row + r - first) * ld + b * kBlockColumns;
        for (std::size_t k = 0; k < cols; ++k) out[k] = lines[k * kPanelRows + r];
      }
    }
  });
}

}  // namespace libquant::kernels
