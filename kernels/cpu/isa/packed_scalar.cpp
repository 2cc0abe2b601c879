#include "kernels/cpu/isa/common-inl.h"
#include "kernels/cpu/isa/packed_tables.h"

namespace libquant::kernels {
namespace {

#include "kernels/cpu/isa/scalar_simd-inl.h"
// clang-format off
#include "kernels/cpu/isa/packed_scalar_simd-inl.h"
// clang-format on

struct Tiles {
  static constexpr std::size_t kPanels = 1, kColumns = 2, kStreamColumns = 2, kExactColumns = 2;
  static constexpr std::size_t kDepth = 4;
  static constexpr std::size_t stream_panels(std::size_t) { return 1; }
};

#include "kernels/cpu/bodies/packed_all-inl.h"
#include "kernels/cpu/bodies/packed_lanes-inl.h"
#include "kernels/cpu/bodies/packed_table-inl.h"

bool supported() noexcept { return true; }

}  // namespace

const PackedTable kPackedScalarTable = make_packed_table("scalar", supported);

}  // namespace libquant::kernels
