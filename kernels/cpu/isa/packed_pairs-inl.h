// Tiles by SMMLA: eight columns of two rows times eight columns of two tokens. Included by
// packed_i8mm.cpp after the bodies.

// Codes as SMMLA takes them: for every 8 columns of a block, 8 codes of row 0, of row 1, ...
template <int kBits>
void expand_codes(const std::uint8_t* codes, std::size_t count, std::uint8_t* out) noexcept {
  for (std::size_t b = 0; b < count; ++b, codes += kBits * kLineBytes, out += 8 * kLineBytes) {
    for (std::size_t v = 0; v < kPanelVecs; ++v) {
      for_steps([&](auto step) LIBQUANT_LAMBDA {
        constexpr int s = decltype(step)::value;
        if constexpr (s % 2 == 0) {
          const std::uint8_t* from = codes + v * kVecBytes;
          Bytes even = codes_at<kBits, s>(from), odd = codes_at<kBits, s + 1>(from);
          if constexpr (kBits == 8) {
            even = even ^ Bytes::fill(Dot<8>::kBias);
            odd = odd ^ Bytes::fill(Dot<8>::kBias);
          }
          const uint32x4_t a = vreinterpretq_u32_u8(even.v), b2 = vreinterpretq_u32_u8(odd.v);
          std::uint8_t* to = out + s * kLineBytes + v * 2 * kVecBytes;
          Bytes{vreinterpretq_u8_u32(vzip1q_u32(a, b2))}.store(to);
          Bytes{vreinterpretq_u8_u32(vzip2q_u32(a, b2))}.store(to + kVecBytes);
        }
      });
    }
  }
}

// Sums of SMMLA hold two rows of two tokens; outside `add` they are rows of one token as elsewhere.
template <int kBits>
struct TileMultiplier {
  using D = Dot<kBits>;

  template <std::size_t kPanels, std::size_t kColumns>
  static LIBQUANT_INLINE void add(PanelCodes<kPanels>& codes, std::size_t count,
                                  const std::int8_t* x, Ahead<kPanels>& ahead,
                                  Words (&sum)[kPanelVecs][kColumns]) noexcept {
    static_assert(kPanels == 1);
    constexpr std::size_t kPairs = (kColumns + 1) / 2;
    int32x4_t part[2 * kPanelVecs][kPairs];
    LIBQUANT_UNROLL
    for (std::size_t v = 0; v < kPanelVecs; ++v) {
      LIBQUANT_UNROLL
      for (std::size_t j = 0; j < kPairs; ++j) {
        const int32x4_t one = sum[v][2 * j].v;
        const int32x4_t two = 2 * j + 1 < kColumns ? sum[v][(2 * j + 1) % kColumns].v : one;
        part[2 * v][j] = vzip1q_s32(one, two);
        part[2 * v + 1][j] = vzip2q_s32(one, two);
      }
    }
    const std::uint8_t* at = codes.at[0];
    for (std::size_t i = 0; i < count * kBlockColumns / 8; ++i, x += 8 * kColumns) {
      if (i % 4 == 0) ahead.block();
      int8x16_t token[kPairs];
      LIBQUANT_UNROLL
      for (std::size_t j = 0; j < kPairs; ++j)
        token[j] = 2 * j + 1 < kColumns ? vld1q_s8(x + 16 * j)
                                        : vcombine_s8(vld1_s8(x + 16 * j), vdup_n_s8(0));
      LIBQUANT_UNROLL
      for (std::size_t r = 0; r < 2 * kPanelVecs; ++r, at += kVecBytes) {
        const int8x16_t rows = Bytes::load(at).as_signed();
        LIBQUANT_UNROLL
        for (std::size_t j = 0; j < kPairs; ++j)
          part[r][j] = vmmlaq_s32(part[r][j], rows, token[j]);
      }
    }
    codes.at[0] = at;
    LIBQUANT_UNROLL
    for (std::size_t v = 0; v < kPanelVecs; ++v) {
      LIBQUANT_UNROLL
      for (std::size_t j = 0; j < kColumns; ++j) {
        const int32x4_t first = part[2 * v][j / 2], second = part[2 * v + 1][j / 2];
        sum[v][j] = {j % 2 == 0 ? vuzp1q_s32(first, second) : vuzp2q_s32(first, second)};
      }
    }
  }
};

template <int kBits>
constexpr bool kExpands = true;

template <int kBits, std::size_t kPanels, std::size_t kColumns>
void multiply_first(const PackedJob& job) noexcept {
  PackedJob after = job;
  for (std::size_t p = 0; p < kPanels; ++p) {
    expand_codes<kBits>(job.codes[p], job.count, job.expanded[p]);
    after.codes[p] = job.expanded[p];
  }
  multiply_blocks<TileMultiplier<kBits == 8 ? 8 : 4>, kPanels, kColumns>(after);
}
