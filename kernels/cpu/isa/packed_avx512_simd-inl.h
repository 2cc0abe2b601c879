// Integer vectors of the packed kernels on AVX-512 (F, BW), beside F32 of avx512_simd-inl.h.

LIBQUANT_INLINE F32 fused(F32 a, F32 b, F32 c) noexcept { return F32::fma(a, b, c); }

// Sixteen rows.
struct Words {
  static constexpr std::size_t kLanes = 16;
  __m512i v;

  static Words zero() { return {_mm512_setzero_si512()}; }
  static Words broadcast(std::int32_t x) { return {_mm512_set1_epi32(x)}; }
  static Words load(const std::int32_t* p) { return {_mm512_loadu_si512(p)}; }
  void store(std::int32_t* p) const { _mm512_storeu_si512(p, v); }
  static Words from_bytes(const std::uint8_t* p) {
    return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
  }
  friend Words operator+(Words a, Words b) { return {_mm512_add_epi32(a.v, b.v)}; }
  friend Words operator-(Words a, Words b) { return {_mm512_sub_epi32(a.v, b.v)}; }
  friend Words operator*(Words a, Words b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
  static Words max(Words a, Words b) { return {_mm512_max_epi32(a.v, b.v)}; }
  static Words magnitude_bits(F32 x) {
    return {_mm512_and_si512(_mm512_castps_si512(x.v), _mm512_set1_epi32(0x7fffffff))};
  }
  static Words rounded(F32 x) { return {_mm512_cvtps_epi32(x.v)}; }
  F32 to_float() const { return {_mm512_cvtepi32_ps(v)}; }
  F32 as_float() const { return {_mm512_castsi512_ps(v)}; }
  void store_bytes(std::int8_t* p) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v));
  }
  std::int32_t sum() const { return _mm512_reduce_add_epi32(v); }
  std::int32_t max_lane() const { return _mm512_reduce_max_epi32(v); }
};

// Four bytes of each of the rows of Words.
struct Bytes {
  __m512i v;

  static Bytes load(const std::uint8_t* p) { return {_mm512_loadu_si512(p)}; }
  void store(std::uint8_t* p) const { _mm512_storeu_si512(p, v); }
  static Bytes fill(int x) { return {_mm512_set1_epi8(static_cast<char>(x))}; }
  static Bytes broadcast4(const std::int8_t* p) {
    int four;
    __builtin_memcpy(&four, p, sizeof four);
    return {_mm512_set1_epi32(four)};
  }
  friend Bytes operator&(Bytes a, Bytes b) { return {_mm512_and_si512(a.v, b.v)}; }
  friend Bytes operator^(Bytes a, Bytes b) { return {_mm512_xor_si512(a.v, b.v)}; }
  static Bytes select(Bytes mask, Bytes a, Bytes b) {
    return {_mm512_ternarylogic_epi32(mask.v, a.v, b.v, 0xca)};
  }
  // Bits that enter a byte from its neighbour are the caller's to mask.
  template <int kBits>
  Bytes right() const {
    if constexpr (kBits == 0) return *this;
    return {_mm512_srli_epi16(v, kBits)};
  }
  // Of each row, the number whose index is in the 4 bits from 4 * kField on.
  static constexpr bool kLooksUp = true;
  template <int kField>
  F32 look_up(F32 numbers) const {
    return {_mm512_permutexvar_ps(_mm512_srli_epi32(v, 4 * kField), numbers.v)};
  }
  // 2^23 + byte kByte of each row.
  template <std::size_t kByte>
  F32 above_2p23() const {
    const __m512i moved = kByte == 0 ? v : _mm512_srli_epi32(v, 8 * kByte);
    return {_mm512_castsi512_ps(_mm512_ternarylogic_epi32(moved, _mm512_set1_epi32(255),
                                                          _mm512_set1_epi32(0x4b000000), 0xea))};
  }
};
