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

  static void transpose(F64 (&r)[2]) {
    const float64x2_t low = vtrn1q_f64(r[0].v, r[1].v);
    r[1].v = vtrn2q_f64(r[0].v, r[1].v);
    r[0].v = low;
  }
};
