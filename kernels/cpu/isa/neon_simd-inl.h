// Vector types of base NEON on AArch64. Included by neon.cpp inside its anonymous namespace.

struct F32 {
  using Scalar = float;
  static constexpr std::size_t kLanes = 4;
  static constexpr std::size_t kTileRows = 4;
  static constexpr std::size_t kTileVecs = 6;
  static constexpr std::size_t kDotRows = 4;
  float32x4_t v;

  static F32 zero() { return {vdupq_n_f32(0)}; }
  static F32 broadcast(float x) { return {vdupq_n_f32(x)}; }
  static F32 load(const float* p) { return {vld1q_f32(p)}; }
  static F32 load_first(const float* p, std::size_t n) {
    float lanes[kLanes] = {};
    for (std::size_t i = 0; i < n; ++i) lanes[i] = p[i];
    return {vld1q_f32(lanes)};
  }
  void store(float* p) const { vst1q_f32(p, v); }
  void store_first(float* p, std::size_t n) const {
    float lanes[kLanes];
    vst1q_f32(lanes, v);
    for (std::size_t i = 0; i < n; ++i) p[i] = lanes[i];
  }
  static F32 fma(F32 a, F32 b, F32 c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
  friend F32 operator+(F32 a, F32 b) { return {vaddq_f32(a.v, b.v)}; }
  friend F32 operator-(F32 a, F32 b) { return {vsubq_f32(a.v, b.v)}; }
  friend F32 operator*(F32 a, F32 b) { return {vmulq_f32(a.v, b.v)}; }
  friend F32 operator/(F32 a, F32 b) { return {vdivq_f32(a.v, b.v)}; }
  static F32 max(F32 a, F32 b) { return {vmaxq_f32(a.v, b.v)}; }
  static F32 min(F32 a, F32 b) { return {vminq_f32(a.v, b.v)}; }
  static F32 round(F32 a) { return {vrndnq_f32(a.v)}; }
  static F32 scale2(F32 a, F32 n) {
    const int32x4_t whole = vcvtnq_s32_f32(n.v), half = vshrq_n_s32(whole, 1);
    return {vmulq_f32(vmulq_f32(a.v, power_of_two(half)), power_of_two(vsubq_s32(whole, half)))};
  }
  static float32x4_t power_of_two(int32x4_t n) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
  }
  static F32 select_less(F32 a, F32 b, F32 yes, F32 no) {
    return {vbslq_f32(vcltq_f32(a.v, b.v), yes.v, no.v)};
  }
  static F32 from_f16(const std::uint16_t* p) {
    return {vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))};
  }
  static F32 from_bf16(const std::uint16_t* p) {
    return {vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16))};
  }
  float sum() const { return vaddvq_f32(v); }

  static void transpose(F32 (&r)[4]) {
    const float32x4_t a = vtrn1q_f32(r[0].v, r[1].v), b = vtrn2q_f32(r[0].v, r[1].v);
    const float32x4_t c = vtrn1q_f32(r[2].v, r[3].v), d = vtrn2q_f32(r[2].v, r[3].v);
    r[0].v = vcombine_f32(vget_low_f32(a), vget_low_f32(c));
    r[1].v = vcombine_f32(vget_low_f32(b), vget_low_f32(d));
    r[2].v = vcombine_f32(vget_high_f32(a), vget_high_f32(c));
    r[3].v = vcombine_f32(vget_high_f32(b), vget_high_f32(d));
  }
};

struct F64 {
  using Scalar = double;
  static constexpr std::size_t kLanes = 2;
  static constexpr std::size_t kTileRows = 4;
  static constexpr std::size_t kTileVecs = 6;
  float64x2_t v;

  static F64 zero() { return {vdupq_n_f64(0)}; }
  static F64 broadcast(double x) { return {vdupq_n_f64(x)}; }
  static F64 load(const double* p) { return {vld1q_f64(p)}; }
  static F64 load_first(const double* p, std::size_t n) {
    double lanes[kLanes] = {};
    for (std::size_t i = 0; i < n; ++i) lanes[i] = p[i];
    return {vld1q_f64(lanes)};
  }
  void store(double* p) const { vst1q_f64(p, v); }
  void store_first(double* p, std::size_t n) const {
    double lanes[kLanes];
    vst1q_f64(lanes, v);
    for (std::size_t i = 0; i < n; ++i) p[i] = lanes[i];
  }
  static F64 fma(F64 a, F64 b, F64 c) { return {vfmaq_f64(c.v, a.v, b.v)}; }
  friend F64 operator+(F64 a, F64 b) { return {vaddq_f64(a.v, b.v)}; }
  friend F64 operator-(F64 a, F64 b) { return {vsubq_f64(a.v, b.v)}; }
  friend F64 operator*(F64 a, F64 b) { return {vmulq_f64(a.v, b.v)}; }
  static F64 max(F64 a, F64 b) { return {vmaxnmq_f64(a.v, b.v)}; }  // a NaN loses, as on x86
  static F64 min(F64 a, F64 b) { return {vminnmq_f64(a.v, b.v)}; }
  static F64 widen(const float* p) { return {vcvt_f64_f32(vld1_f32(p))}; }
  double sum() const { return vaddvq_f64(v); }

  static void transpose(F64 (&r)[2]) {
    const float64x2_t low = vtrn1q_f64(r[0].v, r[1].v);
    r[1].v = vtrn2q_f64(r[0].v, r[1].v);
    r[0].v = low;
  }
};
