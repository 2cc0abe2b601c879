// Integer vectors of the packed kernels on AVX2, beside F32 of avx2_simd-inl.h.

LIBQUANT_INLINE F32 fused(F32 a, F32 b, F32 c) noexcept { return F32::fma(a, b, c); }

// Eight rows.
struct Words {
  static constexpr std::size_t kLanes = 8;
  __m256i v;

  static const __m256i* at(const void* p) { return static_cast<const __m256i*>(p); }
  static Words zero() { return {_mm256_setzero_si256()}; }
  static Words broadcast(std::int32_t x) { return {_mm256_set1_epi32(x)}; }
  static Words load(const std::int32_t* p) { return {_mm256_loadu_si256(at(p))}; }
  void store(std::int32_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  static Words from_bytes(const std::uint8_t* p) {
    return {_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))};
  }
  friend Words operator+(Words a, Words b) { return {_mm256_add_epi32(a.v, b.v)}; }
  friend Words operator-(Words a, Words b) { return {_mm256_sub_epi32(a.v, b.v)}; }
  friend Words operator*(Words a, Words b) { return {_mm256_mullo_epi32(a.v, b.v)}; }
  static Words max(Words a, Words b) { return {_mm256_max_epi32(a.v, b.v)}; }
  static Words magnitude_bits(F32 x) {
    return {_mm256_and_si256(_mm256_castps_si256(x.v), _mm256_set1_epi32(0x7fffffff))};
  }
  static Words rounded(F32 x) { return {_mm256_cvtps_epi32(x.v)}; }
  F32 to_float() const { return {_mm256_cvtepi32_ps(v)}; }
  F32 as_float() const { return {_mm256_castsi256_ps(v)}; }
  void store_bytes(std::int8_t* p) const {
    const __m128i half = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(half, half));
  }
  std::int32_t sum() const {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_unpackhi_epi64(s, s));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0x55)));
  }
  std::int32_t max_lane() const {
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_max_epi32(m, _mm_unpackhi_epi64(m, m));
    return _mm_cvtsi128_si32(_mm_max_epi32(m, _mm_shuffle_epi32(m, 0x55)));
  }
};

// Four bytes of each of the rows of Words.
struct Bytes {
  __m256i v;

  static Bytes load(const std::uint8_t* p) { return {_mm256_loadu_si256(Words::at(p))}; }
  void store(std::uint8_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  static Bytes fill(int x) { return {_mm256_set1_epi8(static_cast<char>(x))}; }
  static Bytes broadcast4(const std::int8_t* p) {
    int four;
    __builtin_memcpy(&four, p, sizeof four);
    return {_mm256_set1_epi32(four)};
  }
  friend Bytes operator&(Bytes a, Bytes b) { return {_mm256_and_si256(a.v, b.v)}; }
  friend Bytes operator^(Bytes a, Bytes b) { return {_mm256_xor_si256(a.v, b.v)}; }
  static Bytes select(Bytes mask, Bytes a, Bytes b) {
    return {_mm256_or_si256(_mm256_and_si256(mask.v, a.v), _mm256_andnot_si256(mask.v, b.v))};
  }
  // Bits that enter a byte from its neighbour are the caller's to mask.
  template <int kBits>
  Bytes right() const {
    if constexpr (kBits == 0) return *this;
    return {_mm256_srli_epi16(v, kBits)};
  }
  static constexpr bool kLooksUp = false;
  // 2^23 + byte kByte of each row.
  template <std::size_t kByte>
  F32 above_2p23() const {
    const __m256i moved = kByte == 0 ? v : _mm256_srli_epi32(v, 8 * kByte);
    const __m256i byte = kByte == 3 ? moved : _mm256_and_si256(moved, _mm256_set1_epi32(255));
    return {_mm256_castsi256_ps(_mm256_or_si256(byte, _mm256_set1_epi32(0x4b000000)))};
  }
};
