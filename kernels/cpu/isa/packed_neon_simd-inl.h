// Integer vectors of the packed kernels on NEON, beside F32 of neon_simd-inl.h.

LIBQUANT_INLINE F32 fused(F32 a, F32 b, F32 c) noexcept { return F32::fma(a, b, c); }

// Four rows.
struct Words {
  static constexpr std::size_t kLanes = 4;
  int32x4_t v;

  static Words zero() { return {vdupq_n_s32(0)}; }
  static Words broadcast(std::int32_t x) { return {vdupq_n_s32(x)}; }
  static Words load(const std::int32_t* p) { return {vld1q_s32(p)}; }
  void store(std::int32_t* p) const { vst1q_s32(p, v); }
  static Words from_bytes(const std::uint8_t* p) {
    std::uint32_t four;
    __builtin_memcpy(&four, p, sizeof four);
    const uint16x8_t wide = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)));
    return {vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(wide)))};
  }
  friend Words operator+(Words a, Words b) { return {vaddq_s32(a.v, b.v)}; }
  friend Words operator-(Words a, Words b) { return {vsubq_s32(a.v, b.v)}; }
  friend Words operator*(Words a, Words b) { return {vmulq_s32(a.v, b.v)}; }
  static Words max(Words a, Words b) { return {vmaxq_s32(a.v, b.v)}; }
  static Words magnitude_bits(F32 x) { return {vreinterpretq_s32_f32(vabsq_f32(x.v))}; }
  static Words rounded(F32 x) { return {vcvtnq_s32_f32(x.v)}; }
  F32 to_float() const { return {vcvtq_f32_s32(v)}; }
  F32 as_float() const { return {vreinterpretq_f32_s32(v)}; }
  void store_bytes(std::int8_t* p) const {
    const int16x4_t half = vmovn_s32(v);
    const int8x8_t bytes = vmovn_s16(vcombine_s16(half, half));
    const std::int32_t four = vget_lane_s32(vreinterpret_s32_s8(bytes), 0);
    __builtin_memcpy(p, &four, sizeof four);
  }
  std::int32_t sum() const { return vaddvq_s32(v); }
  std::int32_t max_lane() const { return vmaxvq_s32(v); }
};

// Four bytes of each of the rows of Words.
struct Bytes {
  uint8x16_t v;

  int8x16_t as_signed() const { return vreinterpretq_s8_u8(v); }
  static Bytes load(const std::uint8_t* p) { return {vld1q_u8(p)}; }
  void store(std::uint8_t* p) const { vst1q_u8(p, v); }
  static Bytes fill(int x) { return {vdupq_n_u8(static_cast<std::uint8_t>(x))}; }
  static Bytes broadcast4(const std::int8_t* p) {
    std::uint32_t four;
    __builtin_memcpy(&four, p, sizeof four);
    return {vreinterpretq_u8_u32(vdupq_n_u32(four))};
  }
  friend Bytes operator&(Bytes a, Bytes b) { return {vandq_u8(a.v, b.v)}; }
  friend Bytes operator^(Bytes a, Bytes b) { return {veorq_u8(a.v, b.v)}; }
  static Bytes select(Bytes mask, Bytes a, Bytes b) { return {vbslq_u8(mask.v, a.v, b.v)}; }
  template <int kBits>
  Bytes right() const {
    if constexpr (kBits == 0) {
      return *this;
    } else {
      return {vshrq_n_u8(v, kBits)};
    }
  }
  static constexpr bool kLooksUp = false;
  // 2^23 + byte kByte of each row.
  template <std::size_t kByte>
  F32 above_2p23() const {
    uint32x4_t moved = vreinterpretq_u32_u8(v);
    if constexpr (kByte != 0) moved = vshrq_n_u32(moved, 8 * kByte);
    if constexpr (kByte != 3) moved = vandq_u32(moved, vdupq_n_u32(255));
    return {vreinterpretq_f32_u32(vorrq_u32(moved, vdupq_n_u32(0x4b000000)))};
  }
};
