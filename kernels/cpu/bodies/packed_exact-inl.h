// Exact mode: weights in fp32, products in fp32. No include guard on purpose; include nothing here.

// See PackedTable::dequantize. A code in the low mantissa bits of 2^23 is a float without any
// conversion, and subtracting 2^23 + zero from it is exact.
template <int kBits>
void dequantize_blocks(const PackedFormat& format, const unsigned char* panel, std::size_t first,
                       std::size_t count, float* weights) noexcept {
  const std::uint8_t* codes = panel + format.codes_offset() + first * kBits * kLineBytes;
  const std::size_t group_blocks =
      format.group == 0 ? format.blocks() : format.group / kBlockColumns;
  const bool has_minimum = format.zero == PackedZero::minimum;
  for (std::size_t b = 0; b < count; ++b, codes += kBits * kLineBytes) {
    const std::size_t group = (first + b) / group_blocks;
    for (std::size_t v = 0; v < kPanelVecs; ++v) {
      const F32 scale = load_reals(format.scale, panel, group, v);
      const unsigned char* second = panel + format.zeros_offset();
      F32 zero = F32::broadcast(0x1p23f), minimum = F32::zero();
      if (has_minimum) minimum = load_reals(format.scale, second, group, v);
      if (format.zero == PackedZero::symmetric)
        zero = zero + F32::broadcast(static_cast<float>(format.symmetric_zero()));
      if (format.zero == PackedZero::integer)
        zero = zero + Words::from_bytes(second + group * kPanelRows + v * Words::kLanes).to_float();
      float* out = weights + b * kBlockColumns * kPanelRows + v * Words::kLanes;
      const auto put = [&](std::size_t column, F32 code) LIBQUANT_LAMBDA {
        const F32 level = code - zero;
        (has_minimum ? fused(scale, level, minimum) : scale * level)
            .store(out + column * kPanelRows);
      };
      for_steps([&](auto step) LIBQUANT_LAMBDA {
        constexpr int s = decltype(step)::value;
        const Bytes four = codes_at<kBits, s>(codes + v * kVecBytes);
        put(4 * s, four.template above_2p23<0>());
        put(4 * s + 1, four.template above_2p23<1>());
        put(4 * s + 2, four.template above_2p23<2>());
        put(4 * s + 3, four.template above_2p23<3>());
      });
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
