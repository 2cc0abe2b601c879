#include <cpuid.h>
#include <immintrin.h>

#include "kernels/cpu/isa/common-inl.h"
#include "kernels/cpu/isa/packed_tables.h"

namespace libquant::kernels {
namespace {

// Each uses the types before it.
// clang-format off
#include "kernels/cpu/isa/avx2_simd-inl.h"
#include "kernels/cpu/isa/packed_avx2_simd-inl.h"
// clang-format on

// A pair of products of codes below 16 is at most 2 * 15 * 127 = 3810, so that the eight steps of a
// block add up in 16 bits: 30480 < 2^15.
template <int kBits>
struct Dot {
  using Sum = Bytes;
  static constexpr bool kDeferred = true;
  static constexpr int kBias = 0;
  static_assert(kBits <= 4);
  static Sum zero() { return {_mm256_setzero_si256()}; }
  static Sum add(Sum sum, Bytes w, Bytes x) {
    sum.v = _mm256_add_epi16(sum.v, _mm256_maddubs_epi16(w.v, x.v));
    asm("" : "+x"(sum.v));  // in this order: GCC would add products in a tree and spill them
    return sum;
  }
  static Words widen(Words sum, Sum part) {
    return {_mm256_add_epi32(sum.v, _mm256_madd_epi16(part.v, _mm256_set1_epi16(1)))};
  }
};

// Codes lowered by 128 times x is |code| times x with the code's sign: 2 * 128 * 127 < 2^15.
template <>
struct Dot<8> {
  using Sum = Words;
  static constexpr bool kDeferred = false;
  static constexpr int kBias = 128;
  static Words add(Words sum, Bytes w, Bytes x) {
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w.v), _mm256_sign_epi8(x.v, w.v));
    return {_mm256_add_epi32(sum.v, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))};
  }
};

struct Tiles {
  static constexpr std::size_t kPanels = 1, kColumns = 4, kStreamColumns = 4, kExactColumns = 6;
  static constexpr std::size_t kDepth = 4;
  static constexpr std::size_t stream_panels(std::size_t columns) { return columns <= 2 ? 2 : 1; }
};

#include "kernels/cpu/bodies/packed_all-inl.h"
#include "kernels/cpu/bodies/packed_lanes-inl.h"
#include "kernels/cpu/bodies/packed_table-inl.h"

bool supported() noexcept {
  unsigned eax, ebx, ecx, edx;  // clang 14's __builtin_cpu_supports does not know f16c
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

}  // namespace

const PackedTable kPackedAvx2Table = make_packed_table("avx2", supported);

}  // namespace libquant::kernels
