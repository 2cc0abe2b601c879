#pragma once

#include "kernels/cpu/packed_table.h"

namespace libquant::kernels {

extern const PackedTable kPackedScalarTable;
extern const PackedTable kPackedAvx2Table;
extern const PackedTable kPackedAvxVnniTable;
extern const PackedTable kPackedAvx512Table;
extern const PackedTable kPackedAvx512VnniTable;
extern const PackedTable kPackedNeonTable;
extern const PackedTable kPackedDotprodTable;
extern const PackedTable kPackedI8mmTable;

}  // namespace libquant::kernels
