#include <immintrin.h>

#include "kernels/cpu/isa/bf16_tables.h"
#include "kernels/cpu/isa/common-inl.h"

namespace libquant::kernels {
namespace {

#include "kernels/cpu/isa/avx512_simd-inl.h"

// Lanes of two bf16, moved like floats.
template <typename Lanes>
struct PairsIn {
  using Scalar = Bf16Pair;
  static constexpr std::size_t kLanes = Lanes::kLanes;
  Lanes bits;

  static const float* place(const Bf16Pair* p) { return reinterpret_cast<const float*>(p); }
  static PairsIn zero() { return {Lanes::zero()}; }
  static PairsIn load(const Bf16Pair* p) { return {Lanes::load(place(p))}; }
  static PairsIn load_first(const Bf16Pair* p, std::size_t n) {
    return {Lanes::load_first(place(p), n)};
  }
  void store(Bf16Pair* p) const { bits.store(reinterpret_cast<float*>(p)); }
  static void transpose(PairsIn (&r)[kLanes]) {
    Lanes lanes[kLanes];
    LIBQUANT_UNROLL
    for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = r[i].bits;
    Lanes::transpose(lanes);
    LIBQUANT_UNROLL
    for (std::size_t i = 0; i < kLanes; ++i) r[i].bits = lanes[i];
  }
  static PairsIn broadcast(Bf16Pair x) {
    return {{_mm512_castsi512_ps(_mm512_set1_epi32(__builtin_bit_cast(int, x)))}};
  }
  static F32 fma(PairsIn a, PairsIn b, F32 c) {
    return {_mm512_dpbf16_ps(c.v, (__m512bh)a.bits.v, (__m512bh)b.bits.v)};
  }
};
using Pairs = PairsIn<F32>;
using LeftPairs = PairsIn<F32x8>;

void round_pairs(std::size_t pairs, const float* x, Bf16Pair* to) noexcept {
  for (std::size_t i = 0; i < pairs; i += 16) {
    const std::size_t rest = pairs - i < 16 ? pairs - i : 16, values = 2 * rest;
    const std::size_t low = values < 16 ? values : 16;
    const F32 first = F32::load_first(x + 2 * i, low);
    const F32 second = values > 16 ? F32::load_first(x + 2 * i + 16, values - 16) : F32::zero();
    const auto rounded = (__m512)_mm512_cvtne2ps_pbh(second.v, first.v);
    _mm512_mask_storeu_ps(to + i, F32::first(rest), rounded);
  }
}

#include "kernels/cpu/bodies/gemm-inl.h"
#include "kernels/cpu/bodies/linear_rows-inl.h"
// The table uses both.
#include "kernels/cpu/bodies/bf16-inl.h"

bool supported() noexcept {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bf16");
}

}  // namespace

const Bf16Table kBf16Avx512Table = make_bf16_table("avx512bf16", supported, 288, 512 << 10);

}  // namespace libquant::kernels
