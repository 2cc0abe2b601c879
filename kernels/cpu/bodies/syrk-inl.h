// Lower triangle of X^T X, fp32 tiles added to a double matrix. No include guard on purpose;
// include nothing here.

// to[0..count) += from[0..count), with `from` readable up to a whole vector.
inline void add_widened(const float* from, double* to, std::size_t count) noexcept {
  std::size_t i = 0;
  for (; i + F64::kLanes <= count; i += F64::kLanes)
    (F64::load(to + i) + F64::widen(from + i)).store(to + i);
  if (i < count)
    (F64::load_first(to + i, count - i) + F64::widen(from + i)).store_first(to + i, count - i);
}

inline void syrk_block(std::size_t row, std::size_t rows, std::size_t col, std::size_t cols,
                       std::size_t depth, const float* packed, double* h,
                       std::size_t ldh) noexcept {
  using Tiles = GemmTiles<F32>;
  alignas(64) float tile[Tiles::kRows * Tiles::kCols];
  for (std::size_t j = col; j < col + cols; j += Tiles::kCols) {
    for (std::size_t i = j > row ? j : row; i < row + rows; i += Tiles::kRows) {
      const std::size_t high = row + rows - i < Tiles::kRows ? row + rows - i : Tiles::kRows;
      std::size_t wide = i + high - j < Tiles::kCols ? i + high - j : Tiles::kCols;
      if (wide > col + cols - j) wide = col + cols - j;
      // A right panel is also the left panels of its columns, tile_cols apart per summand.
      const float* left = packed + i / Tiles::kCols * Tiles::kCols * depth + i % Tiles::kCols;
      const std::size_t vecs = (wide + F32::kLanes - 1) / F32::kLanes;
      kGemmTiles<F32>.at[high - 1][vecs - 1](depth, left, Tiles::kCols, packed + j * depth,
                                             Tiles::kCols, false, vecs * F32::kLanes, tile,
                                             Tiles::kCols);
      for (std::size_t r = 0; r < high; ++r) {
        const std::size_t below = i + r - j + 1;
        add_widened(tile + r * Tiles::kCols, h + (i + r) * ldh + j, below < wide ? below : wide);
      }
    }
  }
}
