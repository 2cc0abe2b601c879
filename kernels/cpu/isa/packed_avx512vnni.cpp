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

template <int kBits>
struct Dot {
  using Sum = Words;
  static constexpr bool kDeferred = false;
  static constexpr int kBias = 0;
  static Words add(Words sum, Bytes w, Bytes x) { return {_mm512_dpbusd_epi32(sum.v, w.v, x.v)}; }
};

// 24 sums, two codes, one token: 27 of 32 registers.
struct Tiles {
  static constexpr std::size_t kPanels = 2, kColumns = 8, kStreamColumns = 12, kExactColumns = 12;
  static constexpr std::size_t kDepth = 4;
  static constexpr std::size_t stream_panels(std::size_t) { return 2; }
};

#include "kernels/cpu/bodies/packed_all-inl.h"
#include "kernels/cpu/bodies/packed_lanes-inl.h"
#include "kernels/cpu/bodies/packed_table-inl.h"

bool supported() noexcept {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}

}  // namespace

const PackedTable kPackedAvx512VnniTable = make_packed_table("avx512vnni", supported);

}  // namespace libquant::kernels
