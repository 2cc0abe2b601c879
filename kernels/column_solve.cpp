#include "kernels/column_solve.h"

#include "kernels/cpu/dispatch.h"

namespace libquant::kernels {

void solve_columns_f64(const ColumnSolve& job) noexcept { active().solve_columns(job); }

}  // namespace libquant::kernels
