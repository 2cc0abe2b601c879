#include "kernels/packed_call.h"
#include "kernels/workspace.h"

namespace libquant::kernels {
namespace {

constexpr std::size_t kBlocks = kExactColumns / kBlockColumns;  // of a chunk

// Activations that several panels meet while they are in L2, and how many groups of panels do.
constexpr std::size_t kSpanBytes = std::size_t{512} << 10;
constexpr std::size_t kGroups = 8;

// One pass over the weights.
struct ExactPass {
  const PackedCall& call;
  ColumnTiles tiles;
  std::size_t span;  // columns of x that the panels of several groups meet in turn
  float* x;          // [tile][cols][columns of the tile]

  ExactPass(const PackedCall& c, std::size_t tokens)
      : call(c),
        tiles(tokens, c.table.exact_columns, 1),
        span(ceil_div(kSpanBytes / sizeof(float) / tokens, kExactColumns) * kExactColumns),
        x(static_cast<float*>(scratch(Scratch::right, tokens * c.format.cols * sizeof(float)))) {}

  // Each tile by one thread at a time: threads that write the same lines hold each other up.
  void pack(const float* from, std::size_t ldx) const {
    const std::size_t cols = call.format.cols, pieces = ceil_div(cols, kExactColumns);
    parallel_for(
        tiles.count * pieces, 1,
        [&](std::size_t item) {
          const std::size_t t = item / pieces, width = tiles.width(t);
          const std::size_t begin = item % pieces * kExactColumns;
          const std::size_t end = smaller(begin + kExactColumns, cols);
          const float* rows = from + tiles.first(t) * ldx;
          float* to = x + tiles.first(t) * cols + begin * width;
          for (std::size_t k = begin; k < end; ++k, to += width)
            for (std::size_t j = 0; j < width; ++j) to[j] = rows[j * ldx + k];
        },
        call.options.threads);
  }

  // Brings lines [begin, end) of each panel's next codes nearer: a tile's share, for many at once
  // would hold up its loads.
  void look_ahead(const unsigned char* const* codes, std::size_t begin, std::size_t end) const {
    for (std::size_t p = 0; p < call.table.tile_panels; ++p)
      for (std::size_t i = begin; i < end; ++i) __builtin_prefetch(codes[p] + i * kLineBytes, 0, 2);
  }
  void look_ahead_outputs(std::size_t first, const TileColumns& tile,
                          const PackedOutputs& y) const {
    const float* row = y.at + tile.token * y.ldy + first * kPanelRows;
    for (std::size_t i = 0; i < tile.tokens; ++i, row += y.ldy)
      for (std::size_t p = 0; p < call.table.tile_panels; ++p)
        __builtin_prefetch(row + p * kPanelRows, 1);
  }

  // Columns [k, k + kExactColumns) of the panels of a group.
  struct Chunk {
    std::size_t panel, k;
  };
  // The chunk behind `at` of groups [begin, end): along a span, the next group, the next span.
  Chunk after(Chunk at, std::size_t begin, std::size_t end) const {
    const std::size_t panels = call.table.tile_panels, cols = call.format.cols;
    const std::size_t k = at.k + kExactColumns;
    if (k < cols && k % span != 0) return {at.panel, k};
    if (at.panel + panels < end * panels) return {at.panel + panels, at.k / span * span};
    return k < cols ? Chunk{begin * panels, k} : Chunk{end * panels, 0};
  }
  // Multiplies a chunk with all tiles, adds to totals[tile][panels][columns][16].
  void multiply_chunk(Chunk at, Chunk next, float* weights, float* totals,
                      const PackedOutputs& y) const {
    const PackedFormat& f = call.format;
    const std::size_t panels = call.table.tile_panels;
    const auto dequantize = call.table.dequantize[bits_index(f.stored_bits())];
    const bool last = at.k + kExactColumns >= f.cols;
    const unsigned char* next_codes[kMostPanels]{};
    ExactJob job{};
    job.depth = smaller(kExactColumns, f.cols - at.k);
    for (std::size_t p = 0; p < panels; ++p, weights += kExactColumns * kPanelRows) {
      dequantize(f, call.panel(at.panel + p), at.k / kBlockColumns,
                 ceil_div(job.depth, kBlockColumns), weights);
      job.weights[p] = weights;
      next_codes[p] =
          call.panel(next.panel + p) + f.codes_offset() + next.k / kBlockColumns * f.block_bytes();
    }
    const auto lines = static_cast<std::size_t>(f.stored_bits()) * kBlocks;
    const std::size_t lines_each = ceil_div(lines, tiles.count);
    TileColumns tile{};
    for (std::size_t t = 0; t < tiles.count; ++t) {
      tile.count = tile.tokens = job.columns = tiles.width(t);
      job.x = x + tile.first * f.cols + at.k * job.columns;
      job.totals = totals + tile.first * panels * kPanelRows;
      look_ahead(next_codes, t * lines_each, (t + 1) * lines_each);
      if (last) look_ahead_outputs(at.panel, tile, y);
      call.table.exact[job.columns - 1](job);
      if (last) call.finish_panels(at.panel, panels, 1, tile, job.totals, y);
      tile.first += tile.count;
      tile.token += tile.tokens;
    }
  }
  // Groups [begin, end) of tile_panels panels.
  void multiply_groups(std::size_t begin, std::size_t end, const PackedOutputs& y) const {
    const std::size_t panels = call.table.tile_panels;
    const std::size_t each = panels * kExactColumns * kPanelRows;
    const std::size_t total = panels * tiles.columns * kPanelRows;
    auto* weights =
        static_cast<float*>(scratch(Scratch::left, (each + (end - begin) * total) * sizeof(float)));
    float* totals = weights + each;
    __builtin_memset(totals, 0, (end - begin) * total * sizeof(float));
    Chunk at{begin * panels, 0};
    do {  // once for a product of nothing, too
      const Chunk next = after(at, begin, end);
      multiply_chunk(at, next, weights, totals + (at.panel / panels - begin) * total, y);
      at = next;
    } while (at.panel < end * panels);
  }
};

}  // namespace

void packed_matmul_exact(const PackedCall& call, std::size_t tokens, const float* x,
                         std::size_t ldx, float* y, std::size_t ldy) noexcept {
  const std::size_t passes = ceil_div(tokens, kMostTokenColumns), each = ceil_div(tokens, passes);
  const std::size_t panels = call.table.tile_panels;
  for (std::size_t begin = 0; begin < tokens; begin += each) {
    const ExactPass pass(call, smaller(each, tokens - begin));
    pass.pack(x + begin * ldx, ldx);
    const PackedOutputs outputs{y + begin * ldy, ldy};
    call.for_panels(ceil_div(call.format.panels(), panels), panels, 8 * pass.tiles.columns,
                    [&](std::size_t first, std::size_t end) {
                      for (; first < end; first += kGroups)
                        pass.multiply_groups(first, smaller(first + kGroups, end), outputs);
                    });
  }
}

}  // namespace libquant::kernels
