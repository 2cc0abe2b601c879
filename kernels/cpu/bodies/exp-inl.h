// exp and 2^x in fp32. No include guard on purpose; include nothing here.
//
// x = n ln2 + r with |r| <= ln2 / 2, exp(x) = 2^n p(r). p has degree 6 with its leading coefficient
// 1; its relative error, coefficients as rounded, is below 0.06 u (u = 2^-24; a Lawson fit, checked
// on 4001 points). The reduction adds at most 0.4 u (n times the high part of ln2 is exact), the
// last two Horner steps 1.4 u with fused multiply-add and 1.8 u without, so the result is within 3
// u = 1.5 ulp where it is a normal number, plus half a step where it is subnormal.

LIBQUANT_INLINE F32 exp_polynomial(F32 r, const float (&c)[6]) noexcept {
  F32 sum = F32::broadcast(c[5]);
  LIBQUANT_UNROLL
  for (std::size_t i = 5; i-- > 0;) sum = F32::fma(sum, r, F32::broadcast(c[i]));
  return F32::fma(sum, r, F32::broadcast(1.0f));
}

// Below -104 the result is zero and above 89 infinity in any case; the bounds come first in min and
// max because those return their second argument for a NaN.
LIBQUANT_INLINE F32 exp_f32(F32 x) noexcept {
  constexpr float kCoefficients[6] = {1.0f,           0x1.fffffcp-2f, 0x1.555492p-3f,
                                      0x1.5558b2p-5f, 0x1.12398ep-7f, 0x1.6a4b36p-10f};
  x = F32::min(F32::broadcast(89.0f), F32::max(F32::broadcast(-104.0f), x));
  const F32 n = F32::round(x * F32::broadcast(0x1.715476p+0f));
  F32 r = F32::fma(n, F32::broadcast(-0x1.63p-1f), x);
  r = F32::fma(n, F32::broadcast(0x1.bd0106p-13f), r);
  return F32::scale2(exp_polynomial(r, kCoefficients), n);
}

// For x <= 0 (or NaN); zero below -151.
LIBQUANT_INLINE F32 exp2_f32(F32 x) noexcept {
  constexpr float kCoefficients[6] = {0x1.62e43p-1f,  0x1.ebfbdcp-3f,  0x1.c6af7ap-5f,
                                      0x1.3b2dd2p-7f, 0x1.5f0948p-10f, 0x1.417a9cp-13f};
  x = F32::max(F32::broadcast(-151.0f), x);
  const F32 n = F32::round(x);
  return F32::scale2(exp_polynomial(x - n, kCoefficients), n);
}

inline void exp_all(std::size_t count, const float* x, float* y) noexcept {
  std::size_t i = 0;
  for (; i + F32::kLanes <= count; i += F32::kLanes) exp_f32(F32::load(x + i)).store(y + i);
  if (i < count) exp_f32(F32::load_first(x + i, count - i)).store_first(y + i, count - i);
}
