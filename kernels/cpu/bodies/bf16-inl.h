// Products of bfloat16 pairs, over the sums F32 and the factors Pairs (right panels and rows) and
// LeftPairs (left panels) of an instruction set. No include guard on purpose; include nothing here.

inline void fetch_pairs(std::size_t pairs, const float* row, Bf16Pair* to) noexcept {
  round_pairs(pairs, row, to);
}
inline void fetch_pairs(std::size_t pairs, const std::uint16_t* row, Bf16Pair* to) noexcept {
  __builtin_memcpy(to, row, pairs * sizeof(Bf16Pair));
}

// GemmTable::pack_left and pack_right: a strip of every row in L1, interleaved from there.
template <typename V, std::size_t kWidth, typename Value>
void pack_pairs(const Value* from, std::ptrdiff_t across, std::ptrdiff_t /*along*/,
                std::size_t width, std::size_t depth, Bf16Pair* to) noexcept {
  constexpr std::size_t kStrip = 64;
  Bf16Pair strip[kWidth][kStrip];
  for (std::size_t p = 0; p < depth; p += kStrip) {
    const std::size_t count = depth - p < kStrip ? depth - p : kStrip;
    for (std::size_t r = 0; r < width; ++r)
      fetch_pairs(count, from + static_cast<std::ptrdiff_t>(r) * across + 2 * p, strip[r]);
    pack_panel<V, kWidth>(strip[0], kStrip, 1, width, count, to + p * kWidth);
  }
}

constexpr Bf16Table make_bf16_table(const char* name, bool (*usable)() noexcept, std::size_t depth,
                                    std::size_t left_bytes) {
  constexpr std::size_t kCols = F32::kTileVecs * F32::kLanes;
  static_assert(Pairs::kLanes == F32::kLanes && F32::kTileRows % LeftPairs::kLanes == 0);
  return {name,
          usable,
          {F32::kTileRows, kCols, depth, left_bytes, pack_pairs<LeftPairs, F32::kTileRows, float>,
           pack_pairs<Pairs, kCols, std::uint16_t>, gemm_block<F32, Pairs>},
          linear_rows<F32, Pairs>,
          round_pairs};
}
