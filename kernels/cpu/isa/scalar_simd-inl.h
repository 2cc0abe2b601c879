// Portable vector types: the compiler's own four-lane vectors, which it lowers to whatever the
// target's base instruction set has. Included by scalar.cpp inside its anonymous namespace.

struct F32 {
  using Scalar = float;
  using Vector = float __attribute__((vector_size(16)));
  static constexpr std::size_t kLanes = 4;
  static constexpr std::size_t kTileRows = 4;
  static constexpr std::size_t kTileVecs = 2;
  static constexpr std::size_t kDotRows = 2;
  Vector v;

  static F32 zero() { return {Vector{0, 0, 0, 0}}; }
  static F32 broadcast(float x) { return {Vector{x, x, x, x}}; }
  static F32 load(const float* p) {
    F32 r;
    __builtin_memcpy(&r.v, p, sizeof r.v);
    return r;
  }
  static F32 load_first(const float* p, std::size_t n) {
    F32 r = zero();
    for (std::size_t i = 0; i < n; ++i) r.v[i] = p[i];
    return r;
  }
  void store(float* p) const { __builtin_memcpy(p, &v, sizeof v); }
  void store_first(float* p, std::size_t n) const {
    for (std::size_t i = 0; i < n; ++i) p[i] = v[i];
  }
  static F32 fma(F32 a, F32 b, F32 c) { return {a.v * b.v + c.v}; }
  friend F32 operator+(F32 a, F32 b) { return {a.v + b.v}; }
  friend F32 operator-(F32 a, F32 b) { return {a.v - b.v}; }
  friend F32 operator*(F32 a, F32 b) { return {a.v * b.v}; }
  friend F32 operator/(F32 a, F32 b) { return {a.v / b.v}; }
  static F32 max(F32 a, F32 b) { return {a.v > b.v ? a.v : b.v}; }
  static F32 min(F32 a, F32 b) { return {a.v < b.v ? a.v : b.v}; }
  // To even, for |a| < 2^22; a NaN stays one.
  static F32 round(F32 a) {
    const F32 shift = broadcast(0x1.8p23f);
    return (a + shift) - shift;
  }
  static F32 scale2(F32 a, F32 n) {
    for (std::size_t i = 0; i < kLanes; ++i) {
      const int whole = n.v[i] == n.v[i] ? static_cast<int>(n.v[i]) : 0, half = whole / 2;
      a.v[i] = a.v[i] * power_of_two(half) * power_of_two(whole - half);
    }
    return a;
  }
  static float power_of_two(int n) {
    return __builtin_bit_cast(float, static_cast<std::uint32_t>(n + 127) << 23);
  }
  static F32 select_less(F32 a, F32 b, F32 yes, F32 no) { return {a.v < b.v ? yes.v : no.v}; }
  static F32 from_f16(const std::uint16_t* p) {
    F32 r;
    for (std::size_t i = 0; i < kLanes; ++i) r.v[i] = widened_f16(p[i]);
    return r;
  }
  static float widened_f16(std::uint16_t bits) {
    const std::uint32_t sign = (bits & 0x8000u) << 16, mantissa = bits & 0x3ffu;
    const std::uint32_t exponent = (bits >> 10) & 31u;
    if (exponent == 0) {
      const float tiny = static_cast<float>(mantissa) * 0x1p-24f;
      return __builtin_bit_cast(float, sign | __builtin_bit_cast(std::uint32_t, tiny));
    }
    const std::uint32_t wide = exponent == 31 ? 0x7f800000u : (exponent + 112) << 23;
    return __builtin_bit_cast(float, sign | wide | (mantissa << 13));
  }
  static F32 from_bf16(const std::uint16_t* p) {
    F32 r;
    for (std::size_t i = 0; i < kLanes; ++i)
      r.v[i] = __builtin_bit_cast(float, static_cast<std::uint32_t>(p[i]) << 16);
    return r;
  }
  float sum() const { return (v[0] + v[2]) + (v[1] + v[3]); }

  static void transpose(F32 (&r)[4]) {
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const float low = r[i].v[j];
        r[i].v[j] = r[j].v[i];
        r[j].v[i] = low;
      }
    }
  }
};

struct F64 {
  using Scalar = double;
  using Vector = double __attribute__((vector_size(16)));
  static constexpr std::size_t kLanes = 2;
  static constexpr std::size_t kTileRows = 4;
  static constexpr std::size_t kTileVecs = 2;
  Vector v;

  static F64 zero() { return {Vector{0, 0}}; }
  static F64 broadcast(double x) { return {Vector{x, x}}; }
  static F64 load(const double* p) {
    F64 r;
    __builtin_memcpy(&r.v, p, sizeof r.v);
    return r;
  }
  static F64 load_first(const double* p, std::size_t n) {
    F64 r = zero();
    for (std::size_t i = 0; i < n; ++i) r.v[i] = p[i];
    return r;
  }
  void store(double* p) const { __builtin_memcpy(p, &v, sizeof v); }
  void store_first(double* p, std::size_t n) const {
    for (std::size_t i = 0; i < n; ++i) p[i] = v[i];
  }
  static F64 fma(F64 a, F64 b, F64 c) { return {a.v * b.v + c.v}; }
  friend F64 operator+(F64 a, F64 b) { return {a.v + b.v}; }
  friend F64 operator-(F64 a, F64 b) { return {a.v - b.v}; }
  friend F64 operator*(F64 a, F64 b) { return {a.v * b.v}; }
  static F64 max(F64 a, F64 b) { return {a.v > b.v ? a.v : b.v}; }
  static F64 min(F64 a, F64 b) { return {a.v < b.v ? a.v : b.v}; }
  static F64 widen(const float* p) { return {Vector{p[0], p[1]}}; }
  double sum() const { return v[0] + v[1]; }

  static void transpose(F64 (&r)[2]) {
    const double low = r[1].v[0];
    r[1].v[0] = r[0].v[1];
    r[0].v[1] = low;
  }
};
