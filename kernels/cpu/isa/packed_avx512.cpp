#include <immintrin.h>

#include "kernels/cpu/isa/common-inl.h"
#include "kernels/cpu/isa/packed_tables.h"

namespace libquant::kernels {
namespace {

// Each uses the types before it.
// clang-format off
#include "kernels/cpu/isa/avx512_simd-inl.h"
#include "kernels/cpu/isa/packed_avx512_simd-inl.h"
// clang-format on

// A pair of products of codes below 16 is at most 2 * 15 * 127 = 3810, so that the eight steps of a
// block add up in 16 bits: 30480 < 2^15.
template <int kBits>
struct Dot {
  using Sum = Bytes;
  static constexpr bool kDeferred = true;
  static constexpr int kBias = 0;
  static_assert(kBits <= 4);
  static Sum zero() { return {_mm512_setzero_si512()}; }
  static Sum add(Sum sum, Bytes w, Bytes x) {
    sum.v = _mm512_add_epi16(sum.v, _mm512_maddubs_epi16(w.v, x.v));
    asm("" : "+v"(sum.v));  // in this order: GCC would add products in a tree and spill them
    return sum;
  }
  static Words widen(Words sum, Sum part) {
    return {_mm512_add_epi32(sum.v, _mm512_madd_epi16(part.v, _mm512_set1_epi16(1)))};
  }
};

// Codes lowered by 128 times x is |code| times x with the code's sign: 2 * 128 * 127 < 2^15.
template <>
struct Dot<8> {
  using Sum = Words;
  static constexpr bool kDeferred = false;
  static constexpr int kBias = 128;
  static Words add(Words sum, Bytes w, Bytes x) {
    const __mmask64 negative = _mm512_movepi8_mask(w.v);
    const __m512i token = _mm512_mask_sub_epi8(x.v, negative, _mm512_setzero_si512(), x.v);
    const __m512i pairs = _mm512_maddubs_epi16(_mm512_abs_epi8(w.v), token);
    return {_mm512_add_epi32(sum.v, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))};
  }
};

struct Tiles {
  static constexpr std::size_t kPanels = 2, kColumns = 10, kStreamColumns = 8, kExactColumns = 12;
  static constexpr std::size_t kDepth = 4;
  static constexpr std::size_t stream_panels(std::size_t) { return 2; }
};

#include "kernels/cpu/bodies/packed_all-inl.h"
#include "kernels/cpu/bodies/packed_lanes-inl.h"
#include "kernels/cpu/bodies/packed_table-inl.h"

bool supported() noexcept {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

}  // namespace

const PackedTable kPackedAvx512Table = make_packed_table("avx512", supported);

}  // namespace libquant::kernels
