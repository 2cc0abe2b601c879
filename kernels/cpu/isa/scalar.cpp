#include "kernels/cpu/isa/common-inl.h"
#include "kernels/cpu/isa/tables.h"

namespace libquant::kernels {
namespace {

// clang-format off: each file uses the ones before it

#include "kernels/cpu/isa/scalar_simd-inl.h"

using LeftF32 = F32;
using LeftF64 = F64;

#include "kernels/cpu/bodies/attention-inl.h"
#include "kernels/cpu/bodies/attention_decode-inl.h"
#include "kernels/cpu/bodies/elementwise-inl.h"
#include "kernels/cpu/bodies/exp-inl.h"
#include "kernels/cpu/bodies/gemm-inl.h"
#include "kernels/cpu/bodies/linear_rows-inl.h"
#include "kernels/cpu/bodies/syrk-inl.h"

bool supported() noexcept { return true; }

#include "kernels/cpu/bodies/table-inl.h"
// clang-format on

}  // namespace

const KernelTable kScalarTable = make_table("scalar", supported, {256, 64}, {128, 64});

}  // namespace libquant::kernels
