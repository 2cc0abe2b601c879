#include <arm_neon.h>

#include "kernels/cpu/isa/common-inl.h"
#include "kernels/cpu/isa/packed_tables.h"

namespace libquant::kernels {
namespace {

// Each uses the types before it.
// clang-format off
#include "kernels/cpu/isa/neon_simd-inl.h"
#include "kernels/cpu/isa/packed_neon_simd-inl.h"
// clang-format on

// The eight steps of a block add up in 16 bits, 8 * 15 * 127 = 15240 for codes below 16, and so
// does each pair of neighbours in `widen`: 30480 < 2^15.
template <int kBits>
struct Dot {
  struct Sum {
    int16x8_t low, high;  // rows 0 and 1, rows 2 and 3; four columns each
  };
  static constexpr bool kDeferred = true;
  static constexpr int kBias = 0;
  static_assert(kBits <= 4);
  static Sum zero() { return {vdupq_n_s16(0), vdupq_n_s16(0)}; }
  static Sum add(Sum sum, Bytes w, Bytes x) {
    const int8x16_t a = w.as_signed(), b = x.as_signed();
    return {vmlal_s8(sum.low, vget_low_s8(a), vget_low_s8(b)), vmlal_high_s8(sum.high, a, b)};
  }
  static Words widen(Words sum, Sum part) {
    return {vpadalq_s16(sum.v, vpaddq_s16(part.low, part.high))};
  }
};

// A product is at most 128 * 127, a pair of them 32512 < 2^15.
template <>
struct Dot<8> {
  using Sum = Words;
  static constexpr bool kDeferred = false;
  static constexpr int kBias = 128;
  static Words add(Words sum, Bytes w, Bytes x) {
    const int8x16_t a = w.as_signed(), b = x.as_signed();
    const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b)), high = vmull_high_s8(a, b);
    return {vpadalq_s16(sum.v, vpaddq_s16(low, high))};
  }
};

struct Tiles {
  static constexpr std::size_t kPanels = 1, kColumns = 3, kStreamColumns = 4, kExactColumns = 6;
  static constexpr std::size_t kDepth = 4;
  static constexpr std::size_t stream_panels(std::size_t columns) { return columns <= 2 ? 2 : 1; }
};

#include "kernels/cpu/bodies/packed_all-inl.h"
#include "kernels/cpu/bodies/packed_lanes-inl.h"
#include "kernels/cpu/bodies/packed_table-inl.h"

bool supported() noexcept { return true; }  // part of AArch64 itself

}  // namespace

const PackedTable kPackedNeonTable = make_packed_table("neon", supported);

}  // namespace libquant::kernels
