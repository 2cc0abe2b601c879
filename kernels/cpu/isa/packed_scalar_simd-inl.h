// Integer vectors of the packed kernels in portable code, beside F32 of scalar_simd-inl.h. Included
// by packed_scalar.cpp inside its anonymous namespace.

LIBQUANT_INLINE F32 fused(F32 a, F32 b, F32 c) noexcept {
  for (std::size_t i = 0; i < F32::kLanes; ++i) c.v[i] = __builtin_fmaf(a.v[i], b.v[i], c.v[i]);
  return c;
}

// Four rows.
struct Words {
  using Vector = std::int32_t __attribute__((vector_size(16)));
  static constexpr std::size_t kLanes = 4;
  Vector v;

  static Words zero() { return {Vector{0, 0, 0, 0}}; }
  static Words broadcast(std::int32_t x) { return {Vector{x, x, x, x}}; }
  static Words load(const std::int32_t* p) {
    Words r;
    __builtin_memcpy(&r.v, p, sizeof r.v);
    return r;
  }
  void store(std::int32_t* p) const { __builtin_memcpy(p, &v, sizeof v); }
  static Words from_bytes(const std::uint8_t* p) { return {Vector{p[0], p[1], p[2], p[3]}}; }
  friend Words operator+(Words a, Words b) { return {a.v + b.v}; }
  friend Words operator-(Words a, Words b) { return {a.v - b.v}; }
  friend Words operator*(Words a, Words b) { return {a.v * b.v}; }
  static Words max(Words a, Words b) { return {a.v > b.v ? a.v : b.v}; }
  static Words magnitude_bits(F32 x) {
    Words r;
    __builtin_memcpy(&r.v, &x.v, sizeof r.v);
    r.v &= 0x7fffffff;
    return r;
  }
  // To nearest, ties to even, for |x| < 2^22.
  static Words rounded(F32 x) {
    const F32 shifted = x + F32::broadcast(0x1.8p23f);
    Words r;
    __builtin_memcpy(&r.v, &shifted.v, sizeof r.v);
    r.v -= 0x4b400000;
    return r;
  }
  F32 to_float() const {
    F32 r;
    for (std::size_t i = 0; i < kLanes; ++i) r.v[i] = static_cast<float>(v[i]);
    return r;
  }
  F32 as_float() const {
    F32 r;
    __builtin_memcpy(&r.v, &v, sizeof r.v);
    return r;
  }
  void store_bytes(std::int8_t* p) const {
    for (std::size_t i = 0; i < kLanes; ++i) p[i] = static_cast<std::int8_t>(v[i]);
  }
  std::int32_t sum() const { return v[0] + v[1] + v[2] + v[3]; }
  std::int32_t max_lane() const {
    std::int32_t most = v[0];
    for (std::size_t i = 1; i < kLanes; ++i) most = v[i] > most ? v[i] : most;
    return most;
  }
};

// Four bytes of each of the rows of Words.
struct Bytes {
  using Vector = std::uint8_t __attribute__((vector_size(16)));
  Vector v;

  static Bytes load(const std::uint8_t* p) {
    Bytes r;
    __builtin_memcpy(&r.v, p, sizeof r.v);
    return r;
  }
  void store(std::uint8_t* p) const { __builtin_memcpy(p, &v, sizeof v); }
  static Bytes fill(int x) { return {Vector{} + static_cast<std::uint8_t>(x)}; }
  static Bytes broadcast4(const std::int8_t* p) {
    Bytes r;
    for (std::size_t i = 0; i < 16; ++i) r.v[i] = static_cast<std::uint8_t>(p[i % 4]);
    return r;
  }
  friend Bytes operator&(Bytes a, Bytes b) { return {a.v & b.v}; }
  friend Bytes operator^(Bytes a, Bytes b) { return {a.v ^ b.v}; }
  static Bytes select(Bytes mask, Bytes a, Bytes b) { return {(a.v & mask.v) | (b.v & ~mask.v)}; }
  // Bits that enter a byte from its neighbour are the caller's to mask.
  template <int kBits>
  Bytes right() const {
    return {v >> kBits};
  }
  static constexpr bool kLooksUp = false;
  // 2^23 + byte kByte of each row.
  template <std::size_t kByte>
  F32 above_2p23() const {
    F32 r;
    for (std::size_t i = 0; i < F32::kLanes; ++i)
      r.v[i] = __builtin_bit_cast(float, 0x4b000000u | v[4 * i + kByte]);
    return r;
  }
};

// Products of codes and activations, four of each row added to its sum.
template <int kBits>
struct Dot {
  using Sum = Words;
  static constexpr bool kDeferred = false;
  static constexpr int kBias = 0;
  // Not inlined: hundreds of copies of sixteen products would take minutes to compile.
  __attribute__((noinline)) static Words add(Words sum, Bytes w, Bytes x) {
    for (std::size_t i = 0; i < Words::kLanes; ++i)
      for (std::size_t j = 0; j < 4; ++j)
        sum.v[i] += w.v[4 * i + j] * static_cast<std::int8_t>(x.v[4 * i + j]);
    return sum;
  }
};
