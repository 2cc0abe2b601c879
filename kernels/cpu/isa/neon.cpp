#include <arm_neon.h>

#include "kernels/cpu/isa/common-inl.h"
#include "kernels/cpu/isa/tables.h"

namespace libquant::kernels {
namespace {

// clang-format off: each file uses the ones before it

#include "kernels/cpu/isa/neon_simd-inl.h"

using LeftF32 = F32;
using LeftF64 = F64;

#include "kernels/cpu/bodies/attention-inl.h"
#include "kernels/cpu/bodies/attention_decode-inl.h"
#include "kernels/cpu/bodies/elementwise-inl.h"
#include "kernels/cpu/bodies/exp-inl.h"
#include "kernels/cpu/bodies/gemm-inl.h"
#include "kernels/cpu/bodies/linear_rows-inl.h"
#include "kernels/cpu/bodies/syrk-inl.h"

bool supported() noexcept { return true; }  // part of AArch64 itself

#include "kernels/cpu/bodies/table-inl.h"
// clang-format on

}  // namespace

const KernelTable kNeonTable = make_table("neon", supported, {256, 64}, {128, 64});

}  // namespace libquant::kernels
