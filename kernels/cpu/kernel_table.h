#pragma once

#include <cstddef>

namespace libquant::kernels {

/// Matrix product pieces of one element type: one thread, packed operands, no allocation.
///
/// A packed panel holds `width` rows of an operand (columns for the right one) interleaved:
/// element (i, p) at panel[p * width + i], zeros where the operand has no row i. Left panels are
/// `tile_rows` wide, right panels `tile_cols`; `tile_cols` is a multiple of `tile_rows`.
template <typename T>
struct GemmTable {
  std::size_t tile_rows;
  std::size_t tile_cols;
  std::size_t depth;  ///< most summands between two passes over C
  std::size_t
      block_rows;  ///< rows of C that one call of `block` should take: their left panels fit L2

  /// One panel: to[p * panel + i] = from[i * across + p * along] for i < width, p < depth.
  void (*pack_left)(const T* from, std::ptrdiff_t across, std::ptrdiff_t along, std::size_t width,
                    std::size_t depth, T* to) noexcept;
  void (*pack_right)(const T* from, std::ptrdiff_t across, std::ptrdiff_t along, std::size_t width,
                     std::size_t depth, T* to) noexcept;
  /// C[m x n] = left right (+ C) for consecutive packed panels of `depth` summands.
  void (*block)(std::size_t m, std::size_t n, std::size_t depth, const T* left, const T* right,
                bool accumulate, T* c, std::size_t ldc) noexcept;
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
};

}  // namespace libquant::kernels
