// Vector types of AVX2 + FMA. Included by avx2.cpp inside its anonymous namespace.

alignas(32) constexpr int kMask32[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
alignas(32) constexpr long long kMask64[8] = {-1, -1, -1, -1};

// Half of F32, for left panels of four rows.
struct F32x4 {
  using Scalar = float;
  static constexpr std::size_t kLanes = 4;
  __m128 v;

  static F32x4 zero() { return {_mm_setzero_ps()}; }
  static F32x4 load(const float* p) { return {_mm_loadu_ps(p)}; }
  static F32x4 load_first(const float* p, std::size_t n) {
    return {_mm_maskload_ps(p, _mm_loadu_si128(reinterpret_cast<const __m128i*>(kMask32 + 8 - n)))};
  }
  void store(float* p) const { _mm_storeu_ps(p, v); }

  static void transpose(F32x4 (&r)[4]) { _MM_TRANSPOSE4_PS(r[0].v, r[1].v, r[2].v, r[3].v); }
};

struct F32 {
  using Scalar = float;
  static constexpr std::size_t kLanes = 8;
  static constexpr std::size_t kTileRows = 4;
  static constexpr std::size_t kTileVecs = 3;
  static constexpr std::size_t kDotRows = 2;
  __m256 v;

  static __m256i first(std::size_t n) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMask32 + 8 - n));
  }
  static F32 zero() { return {_mm256_setzero_ps()}; }
  static F32 broadcast(float x) { return {_mm256_set1_ps(x)}; }
  static F32 load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static F32 load_first(const float* p, std::size_t n) { return {_mm256_maskload_ps(p, first(n))}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
  void store_first(float* p, std::size_t n) const { _mm256_maskstore_ps(p, first(n), v); }
  static F32 fma(F32 a, F32 b, F32 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
  friend F32 operator+(F32 a, F32 b) { return {_mm256_add_ps(a.v, b.v)}; }
  friend F32 operator-(F32 a, F32 b) { return {_mm256_sub_ps(a.v, b.v)}; }
  friend F32 operator*(F32 a, F32 b) { return {_mm256_mul_ps(a.v, b.v)}; }
  friend F32 operator/(F32 a, F32 b) { return {_mm256_div_ps(a.v, b.v)}; }
  static F32 max(F32 a, F32 b) { return {_mm256_max_ps(a.v, b.v)}; }
  static F32 min(F32 a, F32 b) { return {_mm256_min_ps(a.v, b.v)}; }
  static F32 round(F32 a) { return {_mm256_round_ps(a.v, 8)}; }
  static F32 scale2(F32 a, F32 n) {
    const __m256i whole = _mm256_cvtps_epi32(n.v), half = _mm256_srai_epi32(whole, 1);
    return {_mm256_mul_ps(_mm256_mul_ps(a.v, power_of_two(half)),
                          power_of_two(_mm256_sub_epi32(whole, half)))};
  }
  static __m256 power_of_two(__m256i n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
  }
  static F32 select_less(F32 a, F32 b, F32 yes, F32 no) {
    return {_mm256_blendv_ps(no.v, yes.v, _mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ))};
  }
  static F32 from_f16(const std::uint16_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
  }
  static F32 from_bf16(const std::uint16_t* p) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16))};
  }
  float sum() const {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }

  static void transpose(F32 (&r)[8]) {
    __m256 t[8];
    for (std::size_t i = 0; i < 8; i += 2) {
      t[i] = _mm256_unpacklo_ps(r[i].v, r[i + 1].v);
      t[i + 1] = _mm256_unpackhi_ps(r[i].v, r[i + 1].v);
    }
    for (std::size_t i = 0; i < 8; i += 4) {
      r[i].v = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
      r[i + 1].v = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
      r[i + 2].v = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
      r[i + 3].v = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      const __m256 low = r[i].v, high = r[i + 4].v;
      r[i].v = _mm256_permute2f128_ps(low, high, 0x20);
      r[i + 4].v = _mm256_permute2f128_ps(low, high, 0x31);
    }
  }
};

struct F64 {
  using Scalar = double;
  static constexpr std::size_t kLanes = 4;
  static constexpr std::size_t kTileRows = 4;
  static constexpr std::size_t kTileVecs = 3;
  __m256d v;

  static __m256i first(std::size_t n) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMask64 + 4 - n));
  }
  static F64 zero() { return {_mm256_setzero_pd()}; }
  static F64 broadcast(double x) { return {_mm256_set1_pd(x)}; }
  static F64 load(const double* p) { return {_mm256_loadu_pd(p)}; }
  static F64 load_first(const double* p, std::size_t n) {
    return {_mm256_maskload_pd(p, first(n))};
  }
  void store(double* p) const { _mm256_storeu_pd(p, v); }
  void store_first(double* p, std::size_t n) const { _mm256_maskstore_pd(p, first(n), v); }
  static F64 fma(F64 a, F64 b, F64 c) { return {_mm256_fmadd_pd(a.v, b.v, c.v)}; }
  friend F64 operator+(F64 a, F64 b) { return {_mm256_add_pd(a.v, b.v)}; }
  friend F64 operator-(F64 a, F64 b) { return {_mm256_sub_pd(a.v, b.v)}; }
  friend F64 operator*(F64 a, F64 b) { return {_mm256_mul_pd(a.v, b.v)}; }
  static F64 max(F64 a, F64 b) { return {_mm256_max_pd(a.v, b.v)}; }
  static F64 min(F64 a, F64 b) { return {_mm256_min_pd(a.v, b.v)}; }
  static F64 widen(const float* p) { return {_mm256_cvtps_pd(_mm_loadu_ps(p))}; }
  double sum() const {
    const __m128d s = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_add_sd(s, _mm_unpackhi_pd(s, s)));
  }

  static void transpose(F64 (&r)[4]) {
    const __m256d a = _mm256_unpacklo_pd(r[0].v, r[1].v), b = _mm256_unpackhi_pd(r[0].v, r[1].v);
    const __m256d c = _mm256_unpacklo_pd(r[2].v, r[3].v), d = _mm256_unpackhi_pd(r[2].v, r[3].v);
    r[0].v = _mm256_permute2f128_pd(a, c, 0x20);
    r[1].v = _mm256_permute2f128_pd(b, d, 0x20);
    r[2].v = _mm256_permute2f128_pd(a, c, 0x31);
    r[3].v = _mm256_permute2f128_pd(b, d, 0x31);
  }
};
