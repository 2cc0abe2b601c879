#include <immintrin.h>

#include "kernels/cpu/isa/common-inl.h"
#include "kernels/cpu/isa/tables.h"

namespace libquant::kernels {
namespace {

#include "kernels/cpu/isa/avx512_simd-inl.h"

using LeftF32 = F32x8;
using LeftF64 = F64;

#include "kernels/cpu/bodies/all-inl.h"

bool supported() noexcept {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

}  // namespace

const KernelTable kAvx512Table =
    make_table("avx512", supported, {288, 512 << 10}, {256, 512 << 10});

}  // namespace libquant::kernels
