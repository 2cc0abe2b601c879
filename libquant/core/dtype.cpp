#include "libquant/core/dtype.h"

#include <array>

namespace libquant {

const DTypeTraits& traits(DType type) noexcept {
  static constexpr std::array<DTypeTraits, 18> kTraits{{
      {"F64", 1, 8, false},
      {"F32", 1, 4, false},
      {"F16", 1, 2, false},
      {"BF16", 1, 2, false},
      {"I64", 1, 8, false},
      {"I32", 1, 4, false},
      {"I16", 1, 2, false},
      {"I8", 1, 1, false},
      {"U8", 1, 1, false},
      {"BOOL", 1, 1, false},
      {"Q4_0", 32, 18, true},
      {"Q4_1", 32, 20, true},
      {"Q5_0", 32, 22, true},
      {"Q5_1", 32, 24, true},
      {"Q8_0", 32, 34, true},
      {"Q4_K", 256, 144, true},
      {"Q5_K", 256, 176, true},
      {"Q6_K", 256, 210, true},
  }};
  return kTraits[static_cast<std::size_t>(type)];
}

}  // namespace libquant
