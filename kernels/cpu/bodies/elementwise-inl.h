// Row-wise and element-wise operations. No include guard on purpose; include nothing here.

// Calls body(i, load, store) over [0, count) by vectors, the last one partial.
template <typename Body>
LIBQUANT_INLINE void by_vectors(std::size_t count, Body body) noexcept {
  std::size_t i = 0;
  for (; i + F32::kLanes <= count; i += F32::kLanes) {
    body(
        i, [](const float* p) noexcept { return F32::load(p); },
        [](F32 x, float* p) noexcept { x.store(p); });
  }
  if (i < count) {
    const std::size_t rest = count - i;
    body(
        i, [rest](const float* p) noexcept { return F32::load_first(p, rest); },
        [rest](F32 x, float* p) noexcept { x.store_first(p, rest); });
  }
}

// Adds a vector of floats to double sums.
LIBQUANT_INLINE F64 add_in_double(F64 sum, F32 x) noexcept {
  alignas(64) float lanes[F32::kLanes];
  x.store(lanes);
  for (std::size_t i = 0; i < F32::kLanes; i += F64::kLanes) sum = sum + F64::widen(lanes + i);
  return sum;
}

inline double sum_of_squares(std::size_t count, const float* x) noexcept {
  constexpr std::size_t kLanes = F64::kLanes;
  F64 sum[2] = {F64::zero(), F64::zero()};
  std::size_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    for (std::size_t j = 0; j < 2; ++j) {
      const F64 wide = F64::widen(x + i + j * kLanes);
      sum[j] = F64::fma(wide, wide, sum[j]);
    }
  }
  double rest = 0;
  for (; i < count; ++i) rest += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return (sum[0] + sum[1]).sum() + rest;
}

inline void rms_norm(std::size_t rows, std::size_t cols, const float* x, const float* weight,
                     float epsilon, float* y) noexcept {
  for (std::size_t r = 0; r < rows; ++r, x += cols, y += cols) {
    const double mean = sum_of_squares(cols, x) / static_cast<double>(cols);
    const F32 scale = F32::broadcast(
        static_cast<float>(1.0 / __builtin_sqrt(mean + static_cast<double>(epsilon))));
    by_vectors(cols, [x, weight, y, scale](std::size_t i, auto load, auto store) noexcept {
      store(load(x + i) * scale * load(weight + i), y + i);
    });
  }
}

inline void silu_mul(std::size_t count, const float* gate, const float* up, float* out) noexcept {
  by_vectors(count, [=](std::size_t i, auto load, auto store) noexcept {
    const F32 g = load(gate + i);
    store(g / (F32::broadcast(1.0f) + exp_f32(F32::zero() - g)) * load(up + i), out + i);
  });
}

inline void add(std::size_t count, const float* x, float* y) noexcept {
  by_vectors(count, [=](std::size_t i, auto load, auto store) noexcept {
    store(load(y + i) + load(x + i), y + i);
  });
}

// The largest of x; a NaN may or may not win, and reaches the result through the sum instead.
inline float largest(std::size_t count, const float* x) noexcept {
  F32 best[2] = {F32::broadcast(x[0]), F32::broadcast(x[0])};
  std::size_t i = 0;
  for (; i + 2 * F32::kLanes <= count; i += 2 * F32::kLanes)
    for (std::size_t j = 0; j < 2; ++j)
      best[j] = F32::max(best[j], F32::load(x + i + j * F32::kLanes));
  alignas(64) float lanes[F32::kLanes];
  F32::max(best[0], best[1]).store(lanes);
  float top = lanes[0];
  for (std::size_t j = 1; j < F32::kLanes; ++j) top = top > lanes[j] ? top : lanes[j];
  for (; i < count; ++i) top = top > x[i] ? top : x[i];
  return top;
}

inline void softmax(std::size_t rows, std::size_t cols, float* x) noexcept {
  for (std::size_t r = 0; cols > 0 && r < rows; ++r, x += cols) {
    const F32 top = F32::broadcast(largest(cols, x));
    F32 sum = F32::zero();
    std::size_t i = 0;
    for (; i + F32::kLanes <= cols; i += F32::kLanes) {
      const F32 weight = exp_f32(F32::load(x + i) - top);
      weight.store(x + i);
      sum = sum + weight;
    }
    float total = sum.sum();
    if (i < cols) {
      const std::size_t rest = cols - i;
      exp_f32(F32::load_first(x + i, rest) - top).store_first(x + i, rest);
      for (std::size_t j = i; j < cols; ++j) total += x[j];
    }
    const F32 factor = F32::broadcast(1.0f / total);
    by_vectors(cols, [=](std::size_t j, auto load, auto store) noexcept {
      store(load(x + j) * factor, x + j);
    });
  }
}

inline void log_sum_exp(std::size_t rows, std::size_t cols, const float* x, double* out) noexcept {
  for (std::size_t r = 0; r < rows; ++r, x += cols) {
    if (cols == 0) {
      out[r] = -__builtin_inf();
      continue;
    }
    const float highest = largest(cols, x);
    const F32 top = F32::broadcast(highest);
    F64 sum = F64::zero();
    std::size_t i = 0;
    for (; i + F32::kLanes <= cols; i += F32::kLanes)
      sum = add_in_double(sum, exp_f32(F32::load(x + i) - top));
    double total = sum.sum();
    alignas(64) float lanes[F32::kLanes];
    exp_f32(F32::load_first(x + i, cols - i) - top).store(lanes);
    for (std::size_t j = 0; j < cols - i; ++j) total += static_cast<double>(lanes[j]);
    out[r] = static_cast<double>(highest) + __builtin_log(total);
  }
}

inline void rope(std::size_t rows, std::size_t heads, std::size_t head_dim, const float* cosine,
                 const float* sine, float* x, std::size_t ldx) noexcept {
  const std::size_t half = head_dim / 2;
  for (std::size_t r = 0; r < rows; ++r, x += ldx, cosine += half, sine += half) {
    for (std::size_t h = 0; h < heads; ++h) {
      float* low = x + h * head_dim;
      float* high = low + half;
      by_vectors(half, [=](std::size_t i, auto load, auto store) noexcept {
        const F32 c = load(cosine + i), s = load(sine + i), a = load(low + i), b = load(high + i);
        store(a * c - b * s, low + i);
        store(F32::fma(b, c, a * s), high + i);
      });
    }
  }
}

template <typename Widen>
LIBQUANT_INLINE void widen_all(std::size_t count, const std::uint16_t* in, float* out,
                               Widen widen) noexcept {
  std::size_t i = 0;
  for (; i + F32::kLanes <= count; i += F32::kLanes) widen(in + i).store(out + i);
  if (i < count) {
    std::uint16_t rest[F32::kLanes] = {};
    for (std::size_t j = i; j < count; ++j) rest[j - i] = in[j];
    widen(rest).store_first(out + i, count - i);
  }
}

inline void f16_to_f32(std::size_t count, const std::uint16_t* in, float* out) noexcept {
  widen_all(count, in, out, [](const std::uint16_t* p) noexcept { return F32::from_f16(p); });
}

inline void bf16_to_f32(std::size_t count, const std::uint16_t* in, float* out) noexcept {
  widen_all(count, in, out, [](const std::uint16_t* p) noexcept { return F32::from_bf16(p); });
}
