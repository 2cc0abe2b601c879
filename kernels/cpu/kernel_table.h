#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/attention.h"
#include "kernels/column_solve.h"
#include "kernels/grid_errors.h"

namespace libquant::kernels {

/// Matrix product pieces of one element type: one thread, packed operands, no allocation.
///
/// A packed panel holds `width` rows of an operand (columns for the right one) interleaved:
/// element (i, p) at panel[p * width + i], zeros where the operand has no row i. Left panels are
/// `tile_rows` wide, right panels `tile_cols`; `tile_cols` is a multiple of `tile_rows`.
///
/// `Left` and `Right` are what the operands are given in, and become T while they are packed; sums
/// are C. Where T is a pair of values, `along` and row p of an operand count values, depths pairs.
template <typename T, typename Left = T, typename Right = T, typename C = T>
struct GemmTable {
  std::size_t tile_rows;
  std::size_t tile_cols;
  std::size_t depth;       ///< most summands between two passes over C
  std::size_t left_bytes;  ///< of left panels that fit into L2 with room to spare

  /// One panel: to[p * panel + i] = from[i * across + p * along] for i < width, p < depth.
  void (*pack_left)(const Left* from, std::ptrdiff_t across, std::ptrdiff_t along,
                    std::size_t width, std::size_t depth, T* to) noexcept;
  void (*pack_right)(const Right* from, std::ptrdiff_t across, std::ptrdiff_t along,
                     std::size_t width, std::size_t depth, T* to) noexcept;
  /// C[m x n] = left right (+ C) for consecutive left panels of `depth` summands and one right
  /// panel, n <= tile_cols. Meanwhile the panel at `next` is fetched into the cache.
  void (*block)(std::size_t m, std::size_t n, std::size_t depth, const T* left, const T* right,
                const T* next, bool accumulate, C* c, std::size_t ldc) noexcept;
};

constexpr std::size_t kAttentionKeys = 128;  ///< keys between two rescalings of the output
constexpr std::size_t kDecodeKeys = 256;     ///< keys of one independently normalised part
constexpr std::size_t kSyrkTokens = 256;     ///< summands in fp32 before they are added in double

/// What the attention pieces share. Rows are (query, head of the group) pairs of one kv head, the
/// head running fastest.
struct AttentionJob {
  AttentionShape shape;
  const float* q;
  std::size_t ldq;
  const float* k;
  const float* v;
  std::size_t ldkv;
  float* out;
  std::size_t ldo;
};

/// Every CPU kernel of one instruction set. Single-threaded pieces; the public functions of
/// kernels/*.h block and thread them. No allocation, no exceptions, no checks.
struct KernelTable {
  const char* name;
  bool (*supported)() noexcept;
  GemmTable<float> f32;
  GemmTable<double> f64;

  /// y[tokens x outputs] = x W^T (+ y) by dot products along the rows of W, which are read once.
  void (*linear_rows)(std::size_t tokens, std::size_t outputs, std::size_t inputs, const float* x,
                      std::size_t ldx, const float* w, std::size_t ldw, bool accumulate, float* y,
                      std::size_t ldy) noexcept;
  /// Adds X^T X of `depth` tokens, packed as right panels, to rows [row, row + rows) and columns
  /// [col, col + cols) of the lower triangle of h; row and col are multiples of f32.tile_cols.
  void (*syrk_block)(std::size_t row, std::size_t rows, std::size_t col, std::size_t cols,
                     std::size_t depth, const float* packed, double* h, std::size_t ldh) noexcept;

  std::size_t lanes;  ///< floats in a vector
  /// Output of `count` (at most f32.tile_cols) rows of kv head `group` from row `first`; `keys` are
  /// left panels of that head, `values` its rows padded to whole vectors. Scratch: see
  /// attention.cpp.
  void (*attention_rows)(const AttentionJob& job, std::size_t group, std::size_t first,
                         std::size_t count, const float* keys, const float* values,
                         float* scratch) noexcept;
  /// One part of the keys, for every row of `group`: its sums go to part[row * (padded head_dim +
  /// 2)] as unnormalised output, maximum, sum of weights.
  void (*attention_part)(const AttentionJob& job, std::size_t group, std::size_t key,
                         std::size_t keys, float* part, float* scratch) noexcept;
  /// Merges `parts` parts, `stride` floats apart, in order into the output rows of `group`.
  void (*attention_merge)(const AttentionJob& job, std::size_t group, std::size_t parts,
                          std::size_t stride, const float* part, float* scratch) noexcept;

  // The same as the functions of kernels/elementwise.h, on one thread.
  void (*rms_norm)(std::size_t rows, std::size_t cols, const float* x, const float* weight,
                   float epsilon, float* y) noexcept;
  void (*silu_mul)(std::size_t count, const float* gate, const float* up, float* out) noexcept;
  void (*add)(std::size_t count, const float* x, float* y) noexcept;
  void (*softmax)(std::size_t rows, std::size_t cols, float* x) noexcept;
  void (*log_sum_exp)(std::size_t rows, std::size_t cols, const float* x, double* out) noexcept;
  void (*rope)(std::size_t rows, std::size_t heads, std::size_t head_dim, const float* cosine,
               const float* sine, float* x, std::size_t ldx) noexcept;
  void (*f16_to_f32)(std::size_t count, const std::uint16_t* in, float* out) noexcept;
  void (*bf16_to_f32)(std::size_t count, const std::uint16_t* in, float* out) noexcept;
  void (*exp)(std::size_t count, const float* x, float* y) noexcept;
  /// The functions of kernels/grid_errors.h.
  void (*grid_errors)(std::size_t count, const double* values, const double* weights,
                      const GridCandidates& grids, double* errors) noexcept;
  GridSums (*grid_sums)(std::size_t count, const double* values, const double* weights,
                        double scale, double offset, double max_code, double zero) noexcept;
  /// The function of kernels/column_solve.h.
  void (*solve_columns)(const ColumnSolve& job) noexcept;
};

}  // namespace libquant::kernels
