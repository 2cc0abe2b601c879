#include "kernels/cpu/isa/bf16_tables.h"
#include "kernels/cpu/isa/common-inl.h"

namespace libquant::kernels {
namespace {

#include "kernels/cpu/isa/scalar_simd-inl.h"

using Bits = std::uint32_t __attribute__((vector_size(16)));

// Lanes of two bf16, moved as they are.
struct Pairs {
  using Scalar = Bf16Pair;
  static constexpr std::size_t kLanes = F32::kLanes;
  Bits v;

  static Pairs zero() { return {Bits{}}; }
  static Pairs broadcast(Bf16Pair x) {
    const std::uint32_t bits = x.first | static_cast<std::uint32_t>(x.second) << 16;
    return {Bits{bits, bits, bits, bits}};
  }
  static Pairs load(const Bf16Pair* p) {
    Pairs r;
    __builtin_memcpy(&r.v, p, sizeof r.v);
    return r;
  }
  static Pairs load_first(const Bf16Pair* p, std::size_t n) {
    Pairs r = zero();
    for (std::size_t i = 0; i < n; ++i) r.v[i] = broadcast(p[i]).v[0];
    return r;
  }
  void store(Bf16Pair* p) const { __builtin_memcpy(p, &v, sizeof v); }
  static F32 fma(Pairs a, Pairs b, F32 c) {
    return {a.first() * b.first() + (a.second() * b.second() + c.v)};
  }
  F32::Vector first() const { return __builtin_bit_cast(F32::Vector, v << 16); }
  F32::Vector second() const { return __builtin_bit_cast(F32::Vector, v & 0xffff0000u); }

  static void transpose(Pairs (&r)[4]) {
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const std::uint32_t low = r[i].v[j];
        r[i].v[j] = r[j].v[i];
        r[j].v[i] = low;
      }
    }
  }
};
using LeftPairs = Pairs;

// Of kernels/half.h, whose functions are weak symbols.
std::uint16_t rounded(float value) noexcept {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  if (value != value) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

void round_pairs(std::size_t pairs, const float* x, Bf16Pair* to) noexcept {
  for (std::size_t i = 0; i < pairs; ++i) to[i] = {rounded(x[2 * i]), rounded(x[2 * i + 1])};
}

#include "kernels/cpu/bodies/gemm-inl.h"
#include "kernels/cpu/bodies/linear_rows-inl.h"
// The table uses both.
#include "kernels/cpu/bodies/bf16-inl.h"

bool supported() noexcept { return true; }

}  // namespace

const Bf16Table kBf16ScalarTable = make_bf16_table("scalar", supported, 256, 128 << 10);

}  // namespace libquant::kernels
