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

template <int kBits>
struct Dot {
  using Sum = Words;
  static constexpr bool kDeferred = false;
  static constexpr int kBias = 0;
  static Words add(Words sum, Bytes w, Bytes x) {
    return {_mm256_dpbusd_avx_epi32(sum.v, w.v, x.v)};
  }
};

// 12 sums, two codes, one token: 15 of 16 registers.
struct Tiles {
  static constexpr std::size_t kPanels = 1, kColumns = 6, kStreamColumns = 4, kExactColumns = 6;
  static constexpr std::size_t kDepth = 4;
  static constexpr std::size_t stream_panels(std::size_t columns) { return columns <= 2 ? 2 : 1; }
};

#include "kernels/cpu/bodies/packed_all-inl.h"
#include "kernels/cpu/bodies/packed_lanes-inl.h"
#include "kernels/cpu/bodies/packed_table-inl.h"

bool supported() noexcept {
  unsigned eax, ebx, ecx, edx;  // compilers of 2022 do not know these names
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0 &&
         __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & (1u << 4)) != 0;
}

}  // namespace

const PackedTable kPackedAvxVnniTable = make_packed_table("avxvnni", supported);

}  // namespace libquant::kernels
