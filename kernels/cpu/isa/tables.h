#pragma once

#include "kernels/cpu/kernel_table.h"

namespace libquant::kernels {

extern const KernelTable kScalarTable;
extern const KernelTable kAvx2Table;
extern const KernelTable kAvx512Table;
extern const KernelTable kNeonTable;

}  // namespace libquant::kernels
