#pragma once

#include "kernels/cpu/bf16_table.h"

namespace libquant::kernels {

extern const Bf16Table kBf16ScalarTable;
extern const Bf16Table kBf16Avx512Table;
extern const Bf16Table kBf16NeonTable;

}  // namespace libquant::kernels
