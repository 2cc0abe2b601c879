// Vector types of AVX-512 (F, BW, VL, DQ). Included by avx512.cpp inside its anonymous namespace.

// Half of F32, for left panels of eight rows.
struct F32x8 {
  using Scalar = float;
  static constexpr std::size_t kLanes = 8;
  __m256 v;

  static __mmask8 first(std::size_t n) { return static_cast<__mmask8>((1u << n) - 1); }
  static F32x8 zero() { return {_mm256_setzero_ps()}; }
  static F32x8 load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static F32x8 load_first(const float* p, std::size_t n) {
    return {_mm256_maskz_loadu_ps(first(n), p)};
  }
  void store(float* p) const { _mm256_storeu_ps(p, v); }

  static void transpose(F32x8 (&r)[8]) {
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

struct F32 {
  using Scalar = float;
  static constexpr std::size_t kLanes = 16;
  static constexpr std::size_t kTileRows = 8;
  static constexpr std::size_t kTileVecs = 3;
  static constexpr std::size_t kDotRows = 4;
  __m512 v;

  static __mmask16 first(std::size_t n) { return static_cast<__mmask16>((1u << n) - 1); }
  static F32 zero() { return {_mm512_setzero_ps()}; }
  static F32 broadcast(float x) { return {_mm512_set1_ps(x)}; }
  static F32 load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static F32 load_first(const float* p, std::size_t n) {
    return {_mm512_maskz_loadu_ps(first(n), p)};
  }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store_first(float* p, std::size_t n) const { _mm512_mask_storeu_ps(p, first(n), v); }
  static F32 fma(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  friend F32 operator+(F32 a, F32 b) { return {_mm512_add_ps(a.v, b.v)}; }
  friend F32 operator-(F32 a, F32 b) { return {_mm512_sub_ps(a.v, b.v)}; }
  friend F32 operator*(F32 a, F32 b) { return {_mm512_mul_ps(a.v, b.v)}; }
  friend F32 operator/(F32 a, F32 b) { return {_mm512_div_ps(a.v, b.v)}; }
  static F32 max(F32 a, F32 b) { return {_mm512_max_ps(a.v, b.v)}; }
  static F32 min(F32 a, F32 b) { return {_mm512_min_ps(a.v, b.v)}; }
  static F32 round(F32 a) { return {_mm512_roundscale_ps(a.v, 8)}; }
  static F32 scale2(F32 a, F32 n) { return {_mm512_scalef_ps(a.v, n.v)}; }
  static F32 select_less(F32 a, F32 b, F32 yes, F32 no) {
    return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), no.v, yes.v)};
  }
  static F32 from_f16(const std::uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  static F32 from_bf16(const std::uint16_t* p) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
  }
  float sum() const { return _mm512_reduce_add_ps(v); }

  static void transpose(F32 (&r)[16]) {
    __m512 t[16];
    for (std::size_t i = 0; i < 16; i += 2) {
      t[i] = _mm512_unpacklo_ps(r[i].v, r[i + 1].v);
      t[i + 1] = _mm512_unpackhi_ps(r[i].v, r[i + 1].v);
    }
    for (std::size_t i = 0; i < 16; i += 4) {
      r[i].v = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
      r[i + 1].v = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
      r[i + 2].v = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
      r[i + 3].v = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      t[i] = _mm512_shuffle_f32x4(r[i].v, r[i + 4].v, 0x88);
      t[i + 4] = _mm512_shuffle_f32x4(r[i].v, r[i + 4].v, 0xdd);
      t[i + 8] = _mm512_shuffle_f32x4(r[i + 8].v, r[i + 12].v, 0x88);
      t[i + 12] = _mm512_shuffle_f32x4(r[i + 8].v, r[i + 12].v, 0xdd);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      r[i].v = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
      r[i + 4].v = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
      r[i + 8].v = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
      r[i + 12].v = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
    }
  }
};

struct F64 {
  using Scalar = double;
  static constexpr std::size_t kLanes = 8;
  static constexpr std::size_t kTileRows = 8;
  static constexpr std::size_t kTileVecs = 3;
  __m512d v;

  static __mmask8 first(std::size_t n) { return static_cast<__mmask8>((1u << n) - 1); }
  static F64 zero() { return {_mm512_setzero_pd()}; }
  static F64 broadcast(double x) { return {_mm512_set1_pd(x)}; }
  static F64 load(const double* p) { return {_mm512_loadu_pd(p)}; }
  static F64 load_first(const double* p, std::size_t n) {
    return {_mm512_maskz_loadu_pd(first(n), p)};
  }
  void store(double* p) const { _mm512_storeu_pd(p, v); }
  void store_first(double* p, std::size_t n) const { _mm512_mask_storeu_pd(p, first(n), v); }
  static F64 fma(F64 a, F64 b, F64 c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }
  friend F64 operator+(F64 a, F64 b) { return {_mm512_add_pd(a.v, b.v)}; }
  friend F64 operator-(F64 a, F64 b) { return {_mm512_sub_pd(a.v, b.v)}; }
  friend F64 operator*(F64 a, F64 b) { return {_mm512_mul_pd(a.v, b.v)}; }
  static F64 max(F64 a, F64 b) { return {_mm512_max_pd(a.v, b.v)}; }
  static F64 min(F64 a, F64 b) { return {_mm512_min_pd(a.v, b.v)}; }
  static F64 widen(const float* p) { return {_mm512_cvtps_pd(_mm256_loadu_ps(p))}; }
  double sum() const { return _mm512_reduce_add_pd(v); }

  static void transpose(F64 (&r)[8]) {
    __m512d t[8];
    for (std::size_t i = 0; i < 8; i += 2) {
      t[i] = _mm512_unpacklo_pd(r[i].v, r[i + 1].v);
      t[i + 1] = _mm512_unpackhi_pd(r[i].v, r[i + 1].v);
    }
    for (std::size_t i = 0; i < 2; ++i) {
      r[i].v = _mm512_shuffle_f64x2(t[i], t[i + 2], 0x88);
      r[i + 2].v = _mm512_shuffle_f64x2(t[i], t[i + 2], 0xdd);
      r[i + 4].v = _mm512_shuffle_f64x2(t[i + 4], t[i + 6], 0x88);
      r[i + 6].v = _mm512_shuffle_f64x2(t[i + 4], t[i + 6], 0xdd);
    }
    for (std::size_t i = 0; i < 2; ++i) {
      t[i] = _mm512_shuffle_f64x2(r[i].v, r[i + 4].v, 0x88);
      t[i + 2] = _mm512_shuffle_f64x2(r[i + 2].v, r[i + 6].v, 0x88);
      t[i + 4] = _mm512_shuffle_f64x2(r[i].v, r[i + 4].v, 0xdd);
      t[i + 6] = _mm512_shuffle_f64x2(r[i + 2].v, r[i + 6].v, 0xdd);
    }
    for (std::size_t i = 0; i < 8; ++i) r[i].v = t[i];
  }
};
