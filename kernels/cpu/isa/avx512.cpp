#include <immintrin.h>

#include "kernels/cpu/isa/common-inl.h"
#include "kernels/cpu/isa/tables.h"

namespace libquant::kernels {
namespace {

// clang-format off: each file uses the ones before it

#include "kernels/cpu/isa/avx512_simd-inl.h"

using LeftF32 = F32x8;
using LeftF64 = F64;

#include "kernels/cpu/bodies/attention-inl.h"
#include "kernels/cpu/bodies/attention_decode-inl.h"
#include "kernels/cpu/bodies/elementwise-inl.h"
#include "kernels/cpu/bodies/exp-inl.h"
#include "kernels/cpu/bodies/gemm-inl.h"
#include "kernels/cpu/bodies/linear_rows-inl.h"
#include "kernels/cpu/bodies/syrk-inl.h"

bool supported() noexcept {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

#include "kernels/cpu/bodies/table-inl.h"
// clang-format on

}  // namespace

const KernelTable kAvx512Table = make_table("avx512", supported, {384, 160}, {256, 96});

}  // namespace libquant::kernels
