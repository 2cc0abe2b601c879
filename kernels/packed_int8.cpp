#include "kernels/packed_call.h"
#include "kernels/workspace.h"

namespace libquant::kernels {
namespace {

constexpr std::size_t kMostRunColumns = 32768;  // 255 * 127 * this < 2^31
constexpr std::size_t kGroupRunColumns = 128;   // of a run where a weight group is a whole row

PackedRuns runs_of(const PackedFormat& format, ActivationScale scale) {
  const std::size_t row = format.group == 0 ? format.padded_cols() : format.group;
  const std::size_t most = format.group != 0                 ? row
                           : scale == ActivationScale::group ? kGroupRunColumns
                                                             : kMostRunColumns;
  const std::size_t blocks =
      smaller(row < kBlockColumns ? kBlockColumns : row, most) / kBlockColumns;
  return {blocks, ceil_div(format.blocks(), blocks)};
}

// One pass over the weights.
struct IntPass {
  const PackedCall& call;
  PackedRuns runs;
  ColumnTiles tiles;
  bool stream;
  std::int8_t* codes;
  float* scales;
  float* moments;
  std::int32_t* starts;

  IntPass(const PackedCall& c, std::size_t tokens, bool residual)
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
  PackedTokens columns(std::size_t first, std::size_t width) const {
    const std::size_t at = first * runs.count;
    return {width,
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
    const bool lifted = lifted_runs(f, runs) && f.zero != PackedZero::integer;
    const QuantizeJob job{runs,
                          f.cols,
                          f.blocks(),
                          tiles.unit == 2,
                          call.options.scale,
                          call.options.tensor_scale,
                          factor,
                          lifted ? kLiftBits : 0};
    // Each tile by one thread: threads that write the same lines hold each other up.
    parallel_for(
        tiles.count, 1,
        [&](std::size_t t) {
          const PackedTokens to = columns(tiles.first(t), tiles.width(t));
          const float* row = x + tiles.first(t) / tiles.unit * ldx;
          for (std::size_t column = 0; column < to.columns; column += tiles.unit, row += ldx)
            call.table.quantize(job, row, column, to);
        },
        call.options.threads);
  }
  // Panels first, first + apart, ... side by side: each is a stream of its own, which goes on in
  // the panel behind it when the next ones are multiplied.
  void stream_panels(std::size_t first, std::size_t apart, const PackedOutputs& y) const {
    const std::size_t panels = call.table.stream_panels[tiles.columns - 1];
    alignas(kLineBytes) float totals[kMostPanels * kMostStreamColumns * kPanelRows];
    __builtin_memset(totals, 0, panels * tiles.columns * kPanelRows * sizeof(float));
    PackedJob job{};
    job.format = &call.format;
    job.runs = runs;
    job.tokens = columns(0, tiles.columns);
    job.count = call.format.blocks();
    job.totals = totals;
    for (std::size_t p = 0; p < panels; ++p) {
      job.panels[p] = call.panel(first + p * apart);
      job.codes[p] = job.panels[p] + call.format.codes_offset();
    }
    call.table.stream[bits_index(call.format.stored_bits())][tiles.columns - 1](job);
    call.finish_panels(first, panels, apart, {0, tiles.columns, 0, tiles.columns / tiles.unit},
                       totals, y);
  }
  void multiply_stream(const PackedOutputs& y) const {
    const std::size_t panels = call.table.stream_panels[tiles.columns - 1];
    const std::size_t apart = ceil_div(call.format.panels(), panels);
    call.for_panels(apart, panels, 1, [&](std::size_t p, std::size_t end) {
      for (; p < end; ++p) stream_panels(p, apart, y);
    });
  }
};

// What the tiles of a chunk bring nearer for the next chunk, each its share. Shares are worked out
// once per pass: divisions between tiles would show.
class NextChunk {
 public:
  NextChunk(const PackedFormat& format, std::size_t panels, std::size_t tiles)
      : panels_(panels),
        bits_(static_cast<std::size_t>(format.stored_bits())),
        codes_offset_(format.codes_offset()),
        block_bytes_(format.block_bytes()),
        code_lines_(ceil_div(bits_, tiles)),
        group_blocks_(format.group / kBlockColumns) {
    if (format.group == 0) return;
    add(0, format.scale_bytes());
    if (format.zero == PackedZero::integer) add(format.zeros_offset(), 1);
    if (format.zero == PackedZero::minimum) add(format.zeros_offset(), format.scale_bytes());
  }
  // The share of tile `t`; the chunk begins with `block` of `panels`.
  void share(std::size_t t, const unsigned char* const* panels, std::size_t block,
             PackedAhead& ahead) const {
    ahead.lines = t * code_lines_ < bits_ ? code_lines_ : 0;
    ahead.arrays = t == 0 ? arrays_ : 0;
    for (std::size_t p = 0; p < panels_; ++p)
      ahead.codes[p] = panels[p] + codes_offset_ + block * block_bytes_ +
                       t * code_lines_ * kChunkBlocks * kLineBytes;
    if (ahead.arrays == 0) return;
    const std::size_t group = block / group_blocks_;
    for (std::size_t i = 0; i < arrays_; ++i) {
      ahead.parameter_step[i] = arrays_of_[i].bytes / group_blocks_;
      for (std::size_t p = 0; p < panels_; ++p)
        ahead.parameters[i][p] = panels[p] + arrays_of_[i].offset + group * arrays_of_[i].bytes;
    }
  }

 private:
  // Scales, zeros or minimums: of a panel, and the bytes of a group.
  struct Parameters {
    std::size_t offset, bytes;
  };

  void add(std::size_t offset, std::size_t bytes) {
    arrays_of_[arrays_++] = {offset, kPanelRows * bytes};
  }

  std::size_t panels_, bits_, codes_offset_, block_bytes_;
  std::size_t code_lines_;  // of each panel and block
  std::size_t group_blocks_;
  Parameters arrays_of_[2]{};
  std::size_t arrays_ = 0;
};

// Panels whose codes are expanded chunk by chunk, each chunk met by all tiles.
struct TilePass {
  const IntPass& pass;
  const PackedCall& call;
  NextChunk next;

  explicit TilePass(const IntPass& p)
      : pass(p), call(p.call), next(call.format, call.table.tile_panels, p.tiles.count) {}

  struct Buffers {
    std::uint8_t* codes;
    float* totals;
    std::int32_t* carry;
  };
  Buffers buffers() const {
    const std::size_t panels = call.table.tile_panels;
    const std::size_t sums = panels * pass.tiles.columns * kPanelRows;
    Buffers result{};
    const auto carve = [&](Carver carver) {
      result.codes = carver.take<std::uint8_t>(panels * kChunkBlocks * 8 * kLineBytes);
      result.totals = carver.take<float>(sums);
      result.carry = carver.take<std::int32_t>(sums);
      return carver.used;
    };
    carve({static_cast<unsigned char*>(scratch(Scratch::left, carve({nullptr})))});
    __builtin_memset(result.totals, 0, sums * sizeof(float));
    return result;
  }
  TileColumns tile(std::size_t t) const {
    const std::size_t first = pass.tiles.first(t), count = pass.tiles.width(t);
    return pass.tiles.unit == 2 ? TileColumns{first, count, first / 2, count / 2}
                                : TileColumns{first, count, first, count};
  }
  // Rows of y may be a multiple of a page apart and evict each other: they come while the tile
  // before the one that writes them is multiplied.
  void look_ahead_outputs(std::size_t first, std::size_t t, bool last, const PackedOutputs& y,
                          PackedJob& job) const {
    job.ahead.rows = 0;
    const std::size_t count = pass.tiles.count, blocks = call.format.blocks();
    const bool before_last = job.first + 2 * kChunkBlocks >= blocks;
    if (blocks == 0 || (last ? t + 1 == count : t + 1 < count || !before_last)) return;
    const TileColumns columns = tile(last ? t + 1 : 0);
    job.ahead.outputs = y.at + columns.token * y.ldy + first * kPanelRows;
    job.ahead.ldy = y.ldy;
    job.ahead.rows = ceil_div(columns.tokens, job.count);
  }
  void multiply_panels(std::size_t first, const PackedOutputs& y) const {
    const PackedFormat& f = call.format;
    const std::size_t panels = call.table.tile_panels, bits = bits_index(f.stored_bits());
    const Buffers memory = buffers();
    PackedJob job{};
    job.format = &f;
    job.runs = pass.runs;
    const unsigned char* behind[kMostPanels]{};
    for (std::size_t p = 0; p < panels; ++p) {
      job.panels[p] = call.panel(first + p);
      behind[p] = call.panel(first + panels + p);
      job.expanded[p] = memory.codes + p * kChunkBlocks * 8 * kLineBytes;
    }
    do {  // once for a product of nothing, too
      job.count = smaller(kChunkBlocks, f.blocks() - job.first);
      job.run = job.first / pass.runs.blocks;
      const bool last = job.first + kChunkBlocks >= f.blocks();
      for (std::size_t p = 0; p < panels; ++p)
        job.codes[p] = job.panels[p] + f.codes_offset() + job.first * f.block_bytes();
      for (std::size_t t = 0; t < pass.tiles.count; ++t) {
        const TileColumns columns = tile(t);
        job.tokens = pass.columns(columns.first, columns.count);
        job.totals = memory.totals + columns.first * panels * kPanelRows;
        job.carry = memory.carry + columns.first * panels * kPanelRows;
        next.share(t, last ? behind : job.panels, last ? 0 : job.first + kChunkBlocks, job.ahead);
        look_ahead_outputs(first, t, last, y, job);
        if (t == 0) {
          call.table.first_tile[bits][columns.count - 1](job);
          if (call.table.expands[bits])
            for (std::size_t p = 0; p < panels; ++p) job.codes[p] = job.expanded[p];
        } else {
          call.table.tile[f.stored_bits() == 8][columns.count - 1](job);
        }
        if (last) call.finish_panels(first, panels, 1, columns, job.totals, y);
      }
      job.first += kChunkBlocks;
    } while (job.first < f.blocks());
  }
};

}  // namespace

void packed_matmul_int8(const PackedCall& call, std::size_t tokens, bool residual, const float* x,
                        std::size_t ldx, float* y, std::size_t ldy) noexcept {
  const std::size_t most = kMostTokenColumns / (residual ? 2 : 1);
  const std::size_t passes = ceil_div(tokens, most), each = ceil_div(tokens, passes);
  for (std::size_t first = 0; first < tokens; first += each) {
    IntPass pass(call, smaller(each, tokens - first), residual);
    pass.carve(scratch(Scratch::right, pass.carve(nullptr)));
    pass.quantize(x + first * ldx, ldx);
    const PackedOutputs outputs{y + first * ldy, ldy};
    if (pass.stream) {
      pass.multiply_stream(outputs);
      continue;
    }
    const TilePass tiles(pass);
    const std::size_t panels = call.table.tile_panels;
    call.for_panels(ceil_div(call.format.panels(), panels), panels, pass.tiles.columns,
                    [&](std::size_t i, std::size_t end) {
                      for (; i < end; ++i) tiles.multiply_panels(i * panels, outputs);
                    });
  }
}

}  // namespace libquant::kernels
