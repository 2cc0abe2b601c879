// Products of few tokens with a row-major weight matrix: dot products along its rows. No include
// guard on purpose; include nothing here.

template <typename V, std::size_t kOutputs, std::size_t kTokens, typename Factor>
LIBQUANT_INLINE void dot_tile(std::size_t inputs, const typename Factor::Scalar* x, std::size_t ldx,
                              const typename Factor::Scalar* w, std::size_t ldw, bool accumulate,
                              float* y, std::size_t ldy) noexcept {
  V sum[kOutputs][kTokens];
  LIBQUANT_UNROLL
  for (std::size_t o = 0; o < kOutputs; ++o) {
    LIBQUANT_UNROLL
    for (std::size_t t = 0; t < kTokens; ++t) sum[o][t] = V::zero();
  }
  const auto step = [&](std::size_t p, auto load) noexcept {
    Factor token[kTokens];
    LIBQUANT_UNROLL
    for (std::size_t t = 0; t < kTokens; ++t) token[t] = load(x + t * ldx + p);
    LIBQUANT_UNROLL
    for (std::size_t o = 0; o < kOutputs; ++o) {
      const Factor weight = load(w + o * ldw + p);
      LIBQUANT_UNROLL
      for (std::size_t t = 0; t < kTokens; ++t)
        sum[o][t] = Factor::fma(weight, token[t], sum[o][t]);
    }
  };
  std::size_t p = 0;
  for (; p + V::kLanes <= inputs; p += V::kLanes)
    step(p, [](const auto* from) noexcept { return Factor::load(from); });
  if (p < inputs) {
    const std::size_t rest = inputs - p;
    step(p, [rest](const auto* from) noexcept { return Factor::load_first(from, rest); });
  }
  LIBQUANT_UNROLL
  for (std::size_t t = 0; t < kTokens; ++t) {
    LIBQUANT_UNROLL
    for (std::size_t o = 0; o < kOutputs; ++o) {
      const float dot = sum[o][t].sum();
      y[t * ldy + o] = accumulate ? y[t * ldy + o] + dot : dot;
    }
  }
}

template <typename V, std::size_t kOutputs, typename Factor>
LIBQUANT_INLINE void dot_rows(std::size_t tokens, std::size_t inputs,
                              const typename Factor::Scalar* x, std::size_t ldx,
                              const typename Factor::Scalar* w, std::size_t ldw, bool accumulate,
                              float* y, std::size_t ldy) noexcept {
  std::size_t t = 0;
  for (; t + 4 <= tokens; t += 4)
    dot_tile<V, kOutputs, 4, Factor>(inputs, x + t * ldx, ldx, w, ldw, accumulate, y + t * ldy,
                                     ldy);
  x += t * ldx;
  y += t * ldy;
  if (tokens - t == 3) dot_tile<V, kOutputs, 3, Factor>(inputs, x, ldx, w, ldw, accumulate, y, ldy);
  if (tokens - t == 2) dot_tile<V, kOutputs, 2, Factor>(inputs, x, ldx, w, ldw, accumulate, y, ldy);
  if (tokens - t == 1) dot_tile<V, kOutputs, 1, Factor>(inputs, x, ldx, w, ldw, accumulate, y, ldy);
}

template <typename V, typename Factor = V>
void linear_rows(std::size_t tokens, std::size_t outputs, std::size_t inputs,
                 const typename Factor::Scalar* x, std::size_t ldx,
                 const typename Factor::Scalar* w, std::size_t ldw, bool accumulate, float* y,
                 std::size_t ldy) noexcept {
  std::size_t o = 0;
  for (; o + V::kDotRows <= outputs; o += V::kDotRows)
    dot_rows<V, V::kDotRows, Factor>(tokens, inputs, x, ldx, w + o * ldw, ldw, accumulate, y + o,
                                     ldy);
  for (; o < outputs; ++o)
    dot_rows<V, 1, Factor>(tokens, inputs, x, ldx, w + o * ldw, ldw, accumulate, y + o, ldy);
}
