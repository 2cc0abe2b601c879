// Matrix product bodies over a vector type V, compiled once per instruction set inside an anonymous
// namespace. No include guard on purpose; include nothing here.

// A panel of `kWidth` interleaved rows; see GemmTable.
template <typename V, std::size_t kWidth>
void pack_panel(const typename V::Scalar* from, std::ptrdiff_t across, std::ptrdiff_t along,
                std::size_t width, std::size_t depth, typename V::Scalar* to) noexcept {
  constexpr std::size_t kLanes = V::kLanes;
  static_assert(kWidth % kLanes == 0);
  if (across == 1) {
    for (std::size_t p = 0; p < depth; ++p, from += along, to += kWidth) {
      for (std::size_t i = 0; i < kWidth; i += kLanes) {
        if (i + kLanes <= width) {
          V::load(from + i).store(to + i);
        } else {
          (i < width ? V::load_first(from + i, width - i) : V::zero()).store(to + i);
        }
      }
    }
    return;
  }
  for (std::size_t i = 0; i < kWidth; i += kLanes) {
    const std::size_t rows = i >= width ? 0 : (width - i < kLanes ? width - i : kLanes);
    const typename V::Scalar* first = from + static_cast<std::ptrdiff_t>(i) * across;
    std::size_t p = 0;
    if (along == 1 && rows == kLanes) {
      for (; p + kLanes <= depth; p += kLanes) {
        V block[kLanes];
        for (std::size_t r = 0; r < kLanes; ++r)
          block[r] = V::load(first + static_cast<std::ptrdiff_t>(r) * across + p);
        V::transpose(block);
        for (std::size_t r = 0; r < kLanes; ++r) block[r].store(to + (p + r) * kWidth + i);
      }
    }
    for (; p < depth; ++p) {
      const typename V::Scalar* column = first + static_cast<std::ptrdiff_t>(p) * along;
      typename V::Scalar* row = to + p * kWidth + i;
      for (std::size_t r = 0; r < rows; ++r)
        row[r] = column[static_cast<std::ptrdiff_t>(r) * across];
      for (std::size_t r = rows; r < kLanes; ++r) row[r] = {};
    }
  }
}

// One step of multiply_tile. Factors are what V::fma multiplies: V itself, or pairs of bf16.
template <typename V, std::size_t kRows, std::size_t kVecs, typename Factor>
LIBQUANT_INLINE void add_outer(const typename Factor::Scalar* left,
                               const typename Factor::Scalar* right,
                               V (&sum)[kRows][kVecs]) noexcept {
  Factor row[kVecs];
  LIBQUANT_UNROLL
  for (std::size_t j = 0; j < kVecs; ++j) row[j] = Factor::load(right + j * V::kLanes);
  LIBQUANT_UNROLL
  for (std::size_t i = 0; i < kRows; ++i) {
    const Factor factor = Factor::broadcast(left[i]);
    LIBQUANT_UNROLL
    for (std::size_t j = 0; j < kVecs; ++j) sum[i][j] = Factor::fma(factor, row[j], sum[i][j]);
  }
}

// sum[i][j] = left rows times right columns; element (i, p) of the left operand at
// left[p * left_step + i], row p of the right one at right + p * right_step. On the way the
// result's kRows x kCols elements at `out` and lines from `ahead` on are fetched, a few at a time:
// many at once would hold up the panels.
template <typename V, std::size_t kRows, std::size_t kVecs, typename Factor = V, typename Out>
LIBQUANT_INLINE void multiply_tile(std::size_t depth, const typename Factor::Scalar* left,
                                   std::size_t left_step, const typename Factor::Scalar* right,
                                   std::size_t right_step, const typename Factor::Scalar* ahead,
                                   const Out* out, std::size_t ldo,
                                   V (&sum)[kRows][kVecs]) noexcept {
  constexpr std::size_t kLine = 64, kSteps = 8, kCols = kVecs * V::kLanes;
  LIBQUANT_UNROLL
  for (std::size_t i = 0; i < kRows; ++i) {
    LIBQUANT_UNROLL
    for (std::size_t j = 0; j < kVecs; ++j) sum[i][j] = V::zero();
  }
  const auto steps = [&](std::size_t count) LIBQUANT_LAMBDA {
    for (; count > 0; --count, left += left_step, right += right_step)
      add_outer<V, kRows, kVecs, Factor>(left, right, sum);
  };
  std::size_t row = 0;
  for (; depth >= kSteps; depth -= kSteps, ahead += kLine / sizeof *ahead) {
    __builtin_prefetch(ahead, 0, 2);
    if (row < kRows) {
      LIBQUANT_UNROLL
      for (std::size_t j = 0; j < kCols; j += kLine / sizeof *out)
        __builtin_prefetch(out + row * ldo + j, 1, 3);
      ++row;
    }
    steps(kSteps);
  }
  steps(depth);
}

// One tile of C; `cols` of its kVecs * kLanes columns exist.
template <typename V, std::size_t kRows, std::size_t kVecs, typename Factor>
void gemm_tile(std::size_t depth, const typename Factor::Scalar* left, std::size_t left_step,
               const typename Factor::Scalar* right, std::size_t right_step,
               const typename Factor::Scalar* ahead, bool accumulate, std::size_t cols,
               typename V::Scalar* c, std::size_t ldc) noexcept {
  V sum[kRows][kVecs];
  multiply_tile<V, kRows, kVecs, Factor>(depth, left, left_step, right, right_step, ahead, c, ldc,
                                         sum);
  const std::size_t last = cols - (kVecs - 1) * V::kLanes;
  LIBQUANT_UNROLL
  for (std::size_t i = 0; i < kRows; ++i) {
    typename V::Scalar* row = c + i * ldc;
    LIBQUANT_UNROLL
    for (std::size_t j = 0; j + 1 < kVecs; ++j) {
      if (accumulate) sum[i][j] = V::load(row + j * V::kLanes) + sum[i][j];
      sum[i][j].store(row + j * V::kLanes);
    }
    V& end = sum[i][kVecs - 1];
    row += (kVecs - 1) * V::kLanes;
    if (last == V::kLanes) {
      if (accumulate) end = V::load(row) + end;
      end.store(row);
    } else {
      if (accumulate) end = V::load_first(row, last) + end;
      end.store_first(row, last);
    }
  }
}

template <typename V, typename Factor = V>
struct GemmTiles {
  using T = typename Factor::Scalar;
  using C = typename V::Scalar;
  using Tile = void (*)(std::size_t, const T*, std::size_t, const T*, std::size_t, const T*, bool,
                        std::size_t, C*, std::size_t) noexcept;
  static constexpr std::size_t kRows = V::kTileRows;
  static constexpr std::size_t kVecs = V::kTileVecs;
  static constexpr std::size_t kCols = kVecs * V::kLanes;

  Tile at[kRows][kVecs];  // by rows - 1 and vectors - 1

  template <std::size_t i, std::size_t j>
  constexpr void fill() {
    at[i][j] = gemm_tile<V, i + 1, j + 1, Factor>;
    if constexpr (j + 1 < kVecs) {
      fill<i, j + 1>();
    } else if constexpr (i + 1 < kRows) {
      fill<i + 1, 0>();
    }
  }
  constexpr GemmTiles() : at{} { fill<0, 0>(); }
};

template <typename V, typename Factor = V>
constexpr GemmTiles<V, Factor> kGemmTiles{};

template <typename V, typename Factor = V>
void gemm_block(std::size_t m, std::size_t n, std::size_t depth,
                const typename Factor::Scalar* left, const typename Factor::Scalar* right,
                const typename Factor::Scalar* next, bool accumulate, typename V::Scalar* c,
                std::size_t ldc) noexcept {
  using Tiles = GemmTiles<V, Factor>;
  const std::size_t vecs = (n + V::kLanes - 1) / V::kLanes;
  const std::size_t tiles = (m + Tiles::kRows - 1) / Tiles::kRows;
  const std::size_t share = depth * Tiles::kCols / tiles;  // of the next panel
  for (std::size_t i = 0; i < m; i += Tiles::kRows, left += depth * Tiles::kRows, next += share) {
    const std::size_t rows = m - i < Tiles::kRows ? m - i : Tiles::kRows;
    kGemmTiles<V, Factor>.at[rows - 1][vecs - 1](depth, left, Tiles::kRows, right, Tiles::kCols,
                                                 next, accumulate, n, c + i * ldc, ldc);
  }
}
