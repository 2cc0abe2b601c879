#include <cpuid.h>
#include <immintrin.h>

#include "kernels/cpu/isa/common-inl.h"
#include "kernels/cpu/isa/tables.h"

namespace libquant::kernels {
namespace {

#include "kernels/cpu/isa/avx2_simd-inl.h"

using LeftF32 = F32x4;
using LeftF64 = F64;

#include "kernels/cpu/bodies/all-inl.h"

bool supported() noexcept {
  unsigned eax, ebx, ecx, edx;  // clang 14's __builtin_cpu_supports does not know f16c
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

}  // namespace

const KernelTable kAvx2Table = make_table("avx2", supported, {320, 256 << 10}, {192, 256 << 10});

}  // namespace libquant::kernels
