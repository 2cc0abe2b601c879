#include <arm_neon.h>

#include "kernels/cpu/isa/common-inl.h"
#include "kernels/cpu/isa/tables.h"

namespace libquant::kernels {
namespace {

#include "kernels/cpu/isa/neon_simd-inl.h"

using LeftF32 = F32;
using LeftF64 = F64;

#include "kernels/cpu/bodies/all-inl.h"

bool supported() noexcept { return true; }  // part of AArch64 itself

}  // namespace

const KernelTable kNeonTable = make_table("neon", supported, {256, 256 << 10}, {128, 256 << 10});

}  // namespace libquant::kernels
