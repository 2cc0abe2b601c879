#include "kernels/cpu/isa/common-inl.h"
#include "kernels/cpu/isa/tables.h"

namespace libquant::kernels {
namespace {

#include "kernels/cpu/isa/scalar_simd-inl.h"

using LeftF32 = F32;
using LeftF64 = F64;

#include "kernels/cpu/bodies/all-inl.h"

bool supported() noexcept { return true; }

}  // namespace

const KernelTable kScalarTable =
    make_table("scalar", supported, {256, 128 << 10}, {128, 128 << 10});

}  // namespace libquant::kernels
