#pragma once

#include <cstddef>

namespace libquant::kernels {

constexpr std::size_t kSolveRows = 48;  ///< rows of W that solve_columns_f64 works on at once

/// Columns of a layer in the order in which GPTQ visits them, for kSolveRows rows of W. Arrays of
/// rows hold one value per row, kSolveRows of them, a column `ld` elements behind the one before.
struct ColumnSolve {
  std::size_t count;               ///< columns
  double* values;                  ///< in: weights; out: codes, integers in [0, max_code]
  double* errors;                  ///< out: (value of the code - weight) / U_ii
  std::size_t ld;                  ///< of values and errors
  const double* upper;             ///< U_ji at upper[i * ld_upper + j] for j < i: a column of U
  std::size_t ld_upper;            ///
  const double* inverse_diagonal;  ///< 1 / U_ii
  const double* scale;             ///< a code stands for scale * code + offset, per row
  const double* inverse;           ///< 1 / scale
  const double* offset;            ///
  std::size_t grid_step;           ///< from one column's grids to the next one's; 0: all the same
  double max_code;                 ///< below 2^51
};

/// For every column i: w_i += sum over j < i of errors_j U_ji, in the order of j; the code nearest
/// to it, ties to even; the error. Runs on the calling thread.
void solve_columns_f64(const ColumnSolve& job) noexcept;

}  // namespace libquant::kernels
