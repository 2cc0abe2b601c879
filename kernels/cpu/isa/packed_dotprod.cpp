#include <arm_neon.h>
#include <sys/auxv.h>

#include "kernels/cpu/isa/common-inl.h"
#include "kernels/cpu/isa/packed_tables.h"

namespace libquant::kernels {
namespace {

// Each uses the types before it.
// clang-format off
#include "kernels/cpu/isa/neon_simd-inl.h"
#include "kernels/cpu/isa/packed_neon_simd-inl.h"
// clang-format on

#include "kernels/cpu/isa/packed_sdot-inl.h"

// 24 sums, four codes, one token: 29 of 32 registers.
struct Tiles {
  static constexpr std::size_t kPanels = 1, kColumns = 6, kStreamColumns = 4, kExactColumns = 6;
  static constexpr std::size_t kDepth = 4;
  static constexpr std::size_t stream_panels(std::size_t columns) { return columns <= 2 ? 2 : 1; }
};

#include "kernels/cpu/bodies/packed_all-inl.h"
#include "kernels/cpu/bodies/packed_lanes-inl.h"
#include "kernels/cpu/bodies/packed_table-inl.h"

bool supported() noexcept { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }

}  // namespace

const PackedTable kPackedDotprodTable = make_packed_table("dotprod", supported);

}  // namespace libquant::kernels
