#include "kernels/column_solve.h"

#include <algorithm>
#include <cmath>

#include "tests/support/catch.h"
#include "tests/unit/kernels/kernel_test_support.h"

namespace kernels = libquant::kernels;
using namespace libquant::tests;
using kernels::kSolveRows;

namespace {

struct Problem {
  Problem(Rng& rng, std::size_t columns, std::size_t ld, std::size_t step, double most)
      : count(columns),
        grid_step(step),
        max_code(most),
        values(count * ld),
        errors(count * ld),
        upper(count * (count + 3)),
        inverse_diagonal(count),
        scale(grids()),
        inverse(grids()),
        offset(grids()) {
    fill_uniform(rng, values);
    fill_uniform(rng, upper, -0.1, 0.1);
    fill_uniform(rng, inverse_diagonal, 0.5, 2);
    fill_uniform(rng, scale, 0.02, 0.4);
    fill_uniform(rng, offset, -1.5, 0);
    for (std::size_t i = 0; i < scale.size(); ++i) inverse[i] = 1 / scale[i];
    job = {.count = count,
           .values = values.data(),
           .errors = errors.data(),
           .ld = ld,
           .upper = upper.data(),
           .ld_upper = count + 3,
           .inverse_diagonal = inverse_diagonal.data(),
           .scale = scale.data(),
           .inverse = inverse.data(),
           .offset = offset.data(),
           .grid_step = grid_step,
           .max_code = max_code};
  }

  std::size_t grids() const {
    return count == 0 ? 0 : grid_step == 0 ? kSolveRows : (count - 1) * grid_step + kSolveRows;
  }

  std::size_t count, grid_step;
  double max_code;
  GuardedBuffer<double> values, errors, upper, inverse_diagonal, scale, inverse, offset;
  kernels::ColumnSolve job;
};

// Wrong codes and errors of one row; what follows a decision that rounding may tip is not compared.
std::size_t wrong_in_row(const Problem& p, const GuardedBuffer<double>& weights, std::size_t row) {
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < p.count; ++i) {
    const std::size_t at = i * p.job.ld + row, grid = i * p.grid_step + row;
    double w = weights[at], size = std::abs(w);
    for (std::size_t j = 0; j < i; ++j) {
      const double term = p.errors[j * p.job.ld + row] * p.upper[i * p.job.ld_upper + j];
      w += term;
      size += std::abs(term);
    }
    const double steps = (w - p.offset[grid]) / p.scale[grid];
    if (std::abs(steps - std::floor(steps) - 0.5) < 1e-9) return wrong;
    const double code = std::clamp(std::nearbyint(steps), 0.0, p.max_code);
    const double error = (p.scale[grid] * code + p.offset[grid] - w) * p.inverse_diagonal[i];
    // Every term is rounded once or twice, then their sum; the price multiplies it.
    const double bound = static_cast<double>(i + 8) * 0x1p-52 *
                         (size + std::abs(p.offset[grid]) + p.scale[grid] * p.max_code) *
                         p.inverse_diagonal[i];
    if (p.values[at] != code || !within(p.errors[at], error, bound)) ++wrong;
  }
  return wrong;
}

}  // namespace

TEST_CASE("columns are solved as one after the other by a plain loop, whatever the grids",
          "[kernels]") {
  Rng rng(5);
  for (const std::string& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    for (const std::size_t count : {0, 1, 2, 7, 16, 64})
      for (const std::size_t step : {std::size_t{0}, kSolveRows, kSolveRows + 5})
        for (const double most : {3.0, 15.0, 255.0}) {
          Problem p(rng, count, kSolveRows + count % 3, step, most);
          GuardedBuffer<double> weights(p.values.size());
          std::copy(p.values.begin(), p.values.end(), weights.begin());
          kernels::solve_columns_f64(p.job);
          INFO(isa << ", " << count << " columns, grid step " << step << ", codes to " << most);
          std::size_t wrong = 0;
          for (std::size_t row = 0; row < kSolveRows; ++row) wrong += wrong_in_row(p, weights, row);
          CHECK(wrong == 0);
        }
  }
}

TEST_CASE("a weight that is not a number still gets a code", "[kernels]") {
  Rng rng(6);
  for (const std::string& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Problem p(rng, 1, kSolveRows, 0, 15);
    for (double& value : p.values) value = std::nan("");
    kernels::solve_columns_f64(p.job);
    CHECK(std::all_of(p.values.begin(), p.values.end(), [](double code) { return code == 15; }));
    CHECK(std::isnan(p.errors[0]));
  }
}
