#include "kernels/packed_call.h"
#include "kernels/workspace.h"

namespace libquant::kernels {
namespace {

constexpr std::size_t kBlocks = kExactColumns / kBlockColumns;  // of a chunk

// One pass over the weights.
struct ExactPass {
  const PackedCall& call;
  ColumnTiles tiles;
  const float* x;  // [tile][cols][columns of the tile]

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
  void multiply_panels(std::size_t first, const PackedOutputs& y) const {
    const PackedFormat& f = call.format;
    const std::size_t panels = call.table.tile_panels;
    const auto dequantize = call.table.dequantize[bits_index(f.stored_bits())];
    const std::size_t each = kExactColumns * kPanelRows;
    const std::size_t total = panels * tiles.columns * kPanelRows;
    auto* weights =
        static_cast<float*>(scratch(Scratch::left, (panels * each + total) * sizeof(float)));
    float* totals = weights + panels * each;
    __builtin_memset(totals, 0, total * sizeof(float));
    const auto lines = static_cast<std::size_t>(f.stored_bits()) * kBlocks;
    const std::size_t lines_each = ceil_div(lines, tiles.count);
    const unsigned char* next_codes[kMostPanels]{};
    ExactJob job{};
    std::size_t k = 0;
    do {  // once for a product of nothing, too
      const bool last = k + kExactColumns >= f.cols;
      job.depth = smaller(kExactColumns, f.cols - k);
      for (std::size_t p = 0; p < panels; ++p) {
        dequantize(f, call.panel(first + p), k / kBlockColumns, ceil_div(job.depth, kBlockColumns),
                   weights + p * each);
        job.weights[p] = weights + p * each;
        next_codes[p] = call.panel(first + p + (last ? panels : 0)) + f.codes_offset() +
                        (last ? 0 : k / kBlockColumns + kBlocks) * f.block_bytes();
      }
      TileColumns tile{};
      for (std::size_t t = 0; t < tiles.count; ++t) {
        tile.count = tile.tokens = job.columns = tiles.width(t);
        job.x = x + tile.first * f.cols + k * job.columns;
        job.totals = totals + tile.first * panels * kPanelRows;
        look_ahead(next_codes, t * lines_each, (t + 1) * lines_each);
        if (last) look_ahead_outputs(first, tile, y);
        call.table.exact[job.columns - 1](job);
        if (last) call.finish_panels(first, panels, 1, tile, job.totals, y);
        tile.first += tile.count;
        tile.token += tile.tokens;
      }
      k += kExactColumns;
    } while (k < f.cols);
  }
};

}  // namespace

void packed_matmul_exact(const PackedCall& call, std::size_t tokens, const float* x,
                         std::size_t ldx, float* y, std::size_t ldy) noexcept {
  const std::size_t passes = ceil_div(tokens, kMostTokenColumns), each = ceil_div(tokens, passes);
  const std::size_t cols = call.format.cols, panels = call.table.tile_panels;
  for (std::size_t begin = 0; begin < tokens; begin += each) {
    const ColumnTiles tiles(smaller(each, tokens - begin), call.table.exact_columns, 1);
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
    const PackedOutputs outputs{y + begin * ldy, ldy};
    call.for_panels(ceil_div(call.format.panels(), panels), panels, 8 * tiles.columns,
                    [&](std::size_t i) { pass.multiply_panels(i * panels, outputs); });
  }
}

}  // namespace libquant::kernels
