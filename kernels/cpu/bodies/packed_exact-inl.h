// Exact mode: weights in fp32, products in fp32. No include guard on purpose; include nothing here.

// Codes of a block at the vector's rows, less `zero`: put(column, level). A code in the low
// mantissa bits of 2^23 is a float without any conversion, and subtracting 2^23 + zero from it is
// exact. Four bits can be looked up instead, in numbers that are already less a zero that all rows
// share.
template <int kBits, bool kSharedZero, typename B = Bytes, typename Put>
LIBQUANT_INLINE void each_level(const std::uint8_t* block, F32 zero, const Put& put) noexcept {
  if constexpr (kBits == 4 && B::kLooksUp) {
    constexpr float kNumbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    F32 numbers = F32::load(kNumbers);
    if constexpr (kSharedZero) numbers = numbers - zero;
    LIBQUANT_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
      const B line = B::load(block + i * kLineBytes);
      for_steps([&](auto field) LIBQUANT_LAMBDA {
        constexpr std::size_t n = decltype(field)::value;
        const F32 number = line.template look_up<decltype(field)::value>(numbers);
        put(8 * i + n % 2 * 4 + n / 2, kSharedZero ? number : number - zero);
      });
    }
  } else {
    const F32 above = F32::broadcast(0x1p23f) + zero;
    for_steps([&](auto step) LIBQUANT_LAMBDA {
      constexpr int s = decltype(step)::value;
      const Bytes four = codes_at<kBits, s>(block);
      put(4 * s, four.template above_2p23<0>() - above);
      put(4 * s + 1, four.template above_2p23<1>() - above);
      put(4 * s + 2, four.template above_2p23<2>() - above);
      put(4 * s + 3, four.template above_2p23<3>() - above);
    });
  }
}

// See PackedTable::dequantize.
template <int kBits>
void dequantize_blocks(const PackedFormat& format, const unsigned char* panel, std::size_t first,
                       std::size_t count, float* weights) noexcept {
  const std::uint8_t* codes = panel + format.codes_offset() + first * kBits * kLineBytes;
  const unsigned char* second = panel + format.zeros_offset();
  const std::size_t group_blocks =
      format.group == 0 ? format.blocks() : format.group / kBlockColumns;
  for (std::size_t b = 0; b < count; ++b, codes += kBits * kLineBytes) {
    const std::size_t group = (first + b) / group_blocks;
    for (std::size_t v = 0; v < kPanelVecs; ++v) {
      const F32 scale = load_reals(format.scale, panel, group * kPanelRows, v);
      const std::uint8_t* block = codes + v * kVecBytes;
      float* out = weights + b * kBlockColumns * kPanelRows + v * Words::kLanes;
      const auto put = [&](std::size_t column, F32 level)
                           LIBQUANT_LAMBDA { (scale * level).store(out + column * kPanelRows); };
      if (format.zero == PackedZero::symmetric) {
        const F32 zero = F32::broadcast(static_cast<float>(format.symmetric_zero()));
        each_level<kBits, true>(block, zero, put);
      } else if (format.zero == PackedZero::integer) {
        const std::uint8_t* zeros = second + group * kPanelRows + v * Words::kLanes;
        each_level<kBits, false>(block, Words::from_bytes(zeros).to_float(), put);
      } else {
        const F32 minimum = load_reals(format.scale, second, group * kPanelRows, v);
        each_level<kBits, true>(block, F32::zero(),
                                [&](std::size_t column, F32 level) LIBQUANT_LAMBDA {
                                  fused(scale, level, minimum).store(out + column * kPanelRows);
                                });
      }
    }
  }
}

// See PackedTable::exact.
template <std::size_t kPanels, std::size_t kColumns>
void multiply_exact(const ExactJob& job) noexcept {
  constexpr std::size_t kVecs = kPanels * kPanelVecs;
  F32 sum[kVecs][kColumns];
  LIBQUANT_UNROLL
  for (std::size_t v = 0; v < kVecs; ++v) {
    LIBQUANT_UNROLL
    for (std::size_t j = 0; j < kColumns; ++j) sum[v][j] = F32::zero();
  }
  const float* x = job.x;
  for (std::size_t k = 0; k < job.depth; ++k, x += kColumns) {
    F32 w[kVecs];
    LIBQUANT_UNROLL
    for (std::size_t v = 0; v < kVecs; ++v)
      w[v] = F32::load(job.weights[v / kPanelVecs] + k * kPanelRows + v % kPanelVecs * F32::kLanes);
    LIBQUANT_UNROLL
    for (std::size_t j = 0; j < kColumns; ++j) {
      const F32 token = F32::broadcast(x[j]);
      LIBQUANT_UNROLL
      for (std::size_t v = 0; v < kVecs; ++v) sum[v][j] = fused(w[v], token, sum[v][j]);
    }
  }
  LIBQUANT_UNROLL
  for (std::size_t v = 0; v < kVecs; ++v) {
    LIBQUANT_UNROLL
    for (std::size_t j = 0; j < kColumns; ++j) {
      float* total =
          job.totals + (v / kPanelVecs * kColumns + j) * kPanelRows + v % kPanelVecs * F32::kLanes;
      (F32::load(total) + sum[v][j]).store(total);
    }
  }
}
