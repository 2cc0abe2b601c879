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

// Adds a tile of X^T X to h, whose first row takes `wide` columns at most and `below`, each further
// row one more.
template <std::size_t kVecs>
void syrk_tile(std::size_t depth, const float* left, const float* right, const float* ahead,
               std::size_t rows, std::size_t below, std::size_t wide, double* h,
               std::size_t ldh) noexcept {
  using Tiles = GemmTiles<F32>;
  F32 sum[Tiles::kRows][kVecs];
  multiply_tile<F32, Tiles::kRows, kVecs>(depth, left, Tiles::kCols, right, Tiles::kCols, ahead, h,
                                          ldh, sum);
  alignas(64) float tile[Tiles::kRows][kVecs * F32::kLanes];
  LIBQUANT_UNROLL
  for (std::size_t r = 0; r < Tiles::kRows; ++r) {
    LIBQUANT_UNROLL
    for (std::size_t j = 0; j < kVecs; ++j) sum[r][j].store(tile[r] + j * F32::kLanes);
  }
  for (std::size_t r = 0; r < rows; ++r, ++below)
    add_widened(tile[r], h + r * ldh, below < wide ? below : wide);
}

struct SyrkTiles {
  using Tile = void (*)(std::size_t, const float*, const float*, const float*, std::size_t,
                        std::size_t, std::size_t, double*, std::size_t) noexcept;
  Tile at[F32::kTileVecs];  // by vectors - 1

  template <std::size_t j>
  constexpr void fill() {
    at[j] = syrk_tile<j + 1>;
    if constexpr (j + 1 < F32::kTileVecs) fill<j + 1>();
  }
  constexpr SyrkTiles() : at{} { fill<0>(); }
};
constexpr SyrkTiles kSyrkTiles{};

inline void syrk_block(std::size_t row, std::size_t rows, std::size_t col, std::size_t cols,
                       std::size_t depth, const float* packed, double* h,
                       std::size_t ldh) noexcept {
  using Tiles = GemmTiles<F32>;
  for (std::size_t j = col; j < col + cols; j += Tiles::kCols) {
    const float* ahead = packed + (j + Tiles::kCols < col + cols ? j + Tiles::kCols : col) * depth;
    const std::size_t share = Tiles::kCols * depth * Tiles::kRows / rows;
    for (std::size_t i = j > row ? j : row; i < row + rows; i += Tiles::kRows, ahead += share) {
      const std::size_t high = row + rows - i < Tiles::kRows ? row + rows - i : Tiles::kRows;
      std::size_t wide = i + high - j < Tiles::kCols ? i + high - j : Tiles::kCols;
      if (wide > col + cols - j) wide = col + cols - j;
      // A right panel is also the left panels of its columns, tile_cols apart per summand; it ends
      // in zeros where H ends.
      const float* left = packed + i / Tiles::kCols * Tiles::kCols * depth + i % Tiles::kCols;
      kSyrkTiles.at[(wide - 1) / F32::kLanes](depth, left, packed + j * depth, ahead, high,
                                              i - j + 1, wide, h + i * ldh + j, ldh);
    }
  }
}
