#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/packed_matmul.h"

namespace libquant::kernels {

// Limits of every instruction set's tiles; a table says which of them it has.
constexpr std::size_t kMostStreamColumns = 12;
constexpr std::size_t kMostTileColumns = 12;
constexpr std::size_t kMostPanels = 4;
/// Blocks of a panel between two visits of one tile of tokens: their expanded codes stay in L1.
constexpr std::size_t kChunkBlocks = 16;
/// Columns whose products exact mode adds up before they go to the total.
constexpr std::size_t kExactColumns = 128;

/// How the columns are cut into runs that share an activation scale and one exact integer sum. A
/// weight group is one run, or all of them where it is the whole row.
struct PackedRuns {
  std::size_t blocks;  ///< of a run; the last may be shorter
  std::size_t count;
};

/// Sums of short runs begin with the bits of 1.5 * 2^23: as long as a sum is below 2^22, its bits
/// are then the float 1.5 * 2^23 + sum, and fma(that, scale, -1.5 * 2^23 * scale) is scale * sum
/// rounded once, for scales of at most 22 bits. So no conversion is needed.
constexpr std::int32_t kLiftBits = 0x4b400000;
constexpr float kLift = 0x1.8p23f;
/// 4 * 32 * 255 * 127 < 2^22.
constexpr std::size_t kMostLiftedBlocks = 4;
constexpr bool lifted_runs(const PackedFormat& format, const PackedRuns& runs) noexcept {
  return format.scale != PackedScale::f32 && runs.blocks <= kMostLiftedBlocks;
}

/// A tile of quantized activations. A column is a token, or one of the two int8 terms of a token.
struct PackedTokens {
  std::size_t columns;
  std::size_t depth;     ///< 4 or 8: columns of x of one token beside each other in `codes`
  std::int8_t* codes;    ///< [padded_cols / depth][columns][depth]
  float* scales;         ///< [runs][columns]
  float* moments;        ///< [runs][columns]: scale * sum of codes
  std::int32_t* starts;  ///< [runs][columns]: QuantizeJob::start - factor * sum of codes
};

/// What `quantize` does to one token.
struct QuantizeJob {
  PackedRuns runs;
  std::size_t cols;
  std::size_t blocks;
  bool residual;
  ActivationScale scale;
  float tensor_scale;
  std::int32_t factor;  ///< what the weights' codes are too large by, or 1 for integer zeros
  std::int32_t start;   ///< kLiftBits where runs are lifted and have no integer zeros, else 0
};

/// What a tile brings nearer while it multiplies, a little per block.
struct PackedAhead {
  const std::uint8_t* codes[kMostPanels];  ///< of later blocks: `lines` lines of each panel
  std::size_t lines;
  const unsigned char* parameters[2][kMostPanels];  ///< of later blocks: scales, and what is second
  std::size_t parameter_step[2];                    ///< bytes of a block
  std::size_t arrays;                               ///< of the two that are read
  const float* outputs;  ///< that the caller writes next, a row per token: `rows` rows
  std::size_t ldy;
  std::size_t rows;
};

/// Products of one tile of tokens with blocks [first, first + count) of some panels.
struct PackedJob {
  const PackedFormat* format;
  PackedRuns runs;
  PackedTokens tokens;
  const unsigned char* panels[kMostPanels];  ///< begin of each: its scales
  const std::uint8_t* codes[kMostPanels];    ///< of block `first`, as the function reads them
  std::size_t first;
  std::size_t count;
  std::size_t run;                      ///< that block `first` belongs to
  std::uint8_t* expanded[kMostPanels];  ///< where `first_tile` writes codes
  PackedAhead ahead;                    ///< read by tiles; `stream` looks ahead by itself
  float* totals;                        ///< [panels][columns][16], added to
  std::int32_t* carry;  ///< the same: the sums of a run that goes on in the next call
};

struct ExactJob {
  std::size_t columns;                ///< tokens
  std::size_t depth;                  ///< summands, at most kExactColumns
  const float* weights[kMostPanels];  ///< [depth][16] each
  const float* x;                     ///< [depth][columns]
  float* totals;                      ///< [panels][columns][16], added to
};

/// How totals become outputs.
struct PackedOutput {
  float alpha;
  const float* bias;  ///< of the panel's first row, or nullptr
  bool accumulate;
  std::size_t rows;  ///< of the panel that exist
  bool residual;     ///< two columns make an output
};

/// Packed kernels of one instruction set: single-threaded pieces without allocation or checks.
/// Functions by bits are at [0] for 2, [1] for 3, [2] for 4, [3] for 8; by columns at columns - 1.
struct PackedTable {
  const char* name;
  bool (*supported)() noexcept;
  std::size_t stream_columns;
  std::size_t stream_panels[kMostStreamColumns];  ///< by columns - 1
  std::size_t tile_columns;
  std::size_t tile_panels;
  std::size_t tile_depth;  ///< PackedTokens::depth that `tile` reads; `stream` reads 4
  std::int32_t code_bias;  ///< what 8-bit codes are lowered by before they are multiplied
  std::size_t exact_columns;

  /// Quantizes x[cols] into column `column` (and the next, for a residual) of the tile.
  void (*quantize)(const QuantizeJob& job, const float* x, std::size_t column,
                   const PackedTokens& tokens) noexcept;
  /// stream_panels[columns - 1] panels, codes as packed.
  void (*stream[4][kMostStreamColumns])(const PackedJob& job) noexcept;
  /// `tile_panels` panels, codes as packed. Where `expands`, they are also written to job.expanded,
  /// [blocks][8][64], one byte each in the order that `tile` reads.
  void (*first_tile[4][kMostTileColumns])(const PackedJob& job) noexcept;
  bool expands[4];
  /// The same for codes that first_tile wrote; [1]: of 8 bits.
  void (*tile[2][kMostTileColumns])(const PackedJob& job) noexcept;
  /// fp32 weights [32 * count][16] of blocks [first, first + count) of a panel.
  void (*dequantize[4])(const PackedFormat& format, const unsigned char* panel, std::size_t first,
                        std::size_t count, float* weights) noexcept;
  void (*exact[kMostTileColumns])(const ExactJob& job) noexcept;
  /// y of `tokens` tokens and one panel.
  void (*finish)(const PackedOutput& output, const float* totals, std::size_t tokens, float* y,
                 std::size_t ldy) noexcept;
};

/// Index of the functions for codes stored in that many bits.
constexpr std::size_t bits_index(int stored_bits) noexcept {
  return stored_bits == 8 ? 3 : static_cast<std::size_t>(stored_bits - 2);
}

}  // namespace libquant::kernels
