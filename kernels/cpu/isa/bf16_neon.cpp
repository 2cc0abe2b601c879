#include <arm_neon.h>
#include <sys/auxv.h>

#include "kernels/cpu/isa/bf16_tables.h"
#include "kernels/cpu/isa/common-inl.h"

namespace libquant::kernels {
namespace {

#include "kernels/cpu/isa/neon_simd-inl.h"

// Lanes of two bf16, moved like floats.
struct Pairs {
  using Scalar = Bf16Pair;
  static constexpr std::size_t kLanes = F32::kLanes;
  F32 bits;

  static Pairs zero() { return {F32::zero()}; }
  static Pairs broadcast(Bf16Pair x) {
    return {{vreinterpretq_f32_u32(vdupq_n_u32(__builtin_bit_cast(std::uint32_t, x)))}};
  }
  static Pairs load(const Bf16Pair* p) { return {{vreinterpretq_f32_u16(vld1q_u16(&p->first))}}; }
  static Pairs load_first(const Bf16Pair* p, std::size_t n) {
    Bf16Pair lanes[kLanes] = {};
    for (std::size_t i = 0; i < n; ++i) lanes[i] = p[i];
    return load(lanes);
  }
  void store(Bf16Pair* p) const { vst1q_u16(&p->first, vreinterpretq_u16_f32(bits.v)); }
  static F32 fma(Pairs a, Pairs b, F32 c) {
    return {vbfdotq_f32(c.v, vreinterpretq_bf16_f32(a.bits.v), vreinterpretq_bf16_f32(b.bits.v))};
  }
  static void transpose(Pairs (&r)[4]) {
    F32 lanes[4] = {r[0].bits, r[1].bits, r[2].bits, r[3].bits};
    F32::transpose(lanes);
    for (std::size_t i = 0; i < 4; ++i) r[i].bits = lanes[i];
  }
};
using LeftPairs = Pairs;

void round_pairs(std::size_t pairs, const float* x, Bf16Pair* to) noexcept {
  std::size_t i = 0;
  for (; i + 4 <= pairs; i += 4) {
    const bfloat16x8_t low = vcvtq_low_bf16_f32(vld1q_f32(x + 2 * i));
    const bfloat16x8_t both = vcvtq_high_bf16_f32(low, vld1q_f32(x + 2 * i + 4));
    vst1q_u16(&to[i].first, vreinterpretq_u16_bf16(both));
  }
  for (; i < pairs; ++i) {
    const float values[4] = {x[2 * i], x[2 * i + 1], 0, 0};
    const uint16x8_t bits = vreinterpretq_u16_bf16(vcvtq_low_bf16_f32(vld1q_f32(values)));
    to[i] = {vgetq_lane_u16(bits, 0), vgetq_lane_u16(bits, 1)};
  }
}

#include "kernels/cpu/bodies/gemm-inl.h"
#include "kernels/cpu/bodies/linear_rows-inl.h"
// The table uses both.
#include "kernels/cpu/bodies/bf16-inl.h"

bool supported() noexcept { return (getauxval(AT_HWCAP2) & HWCAP2_BF16) != 0; }

}  // namespace

const Bf16Table kBf16NeonTable = make_bf16_table("neonbf16", supported, 256, 256 << 10);

}  // namespace libquant::kernels
