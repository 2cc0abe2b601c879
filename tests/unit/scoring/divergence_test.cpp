#include "libquant/scoring/divergence.h"

#include <cmath>
#include <vector>

#include "libquant/core/rng.h"
#include "tests/support/catch.h"

namespace libquant {
namespace {

double log_sum_exp(std::span<const float> x) {
  double highest = double{x[0]}, sum = 0;
  for (const float value : x) highest = std::max(highest, double{value});
  for (const float value : x) sum += std::exp(double{value} - highest);
  return highest + std::log(sum);
}

std::vector<double> log_sums(const Matrix& logits) {
  std::vector<double> sums;
  for (std::size_t r = 0; r < logits.rows(); ++r) sums.push_back(log_sum_exp(logits.row(r)));
  return sums;
}

double slow_divergence(std::span<const float> x, std::span<const float> y) {
  const double sum_x = log_sum_exp(x), sum_y = log_sum_exp(y);
  double result = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double log_p = double{x[i]} - sum_x, log_q = double{y[i]} - sum_y;
    result += std::exp(log_p) * (log_p - log_q);
  }
  return result;
}

Matrix random_logits(std::size_t rows, std::size_t cols, double spread, std::uint64_t seed) {
  Rng rng(seed);
  Matrix logits(rows, cols);
  for (std::size_t i = 0; i < logits.size(); ++i)
    logits.data()[i] = static_cast<float>(spread * rng.normal());
  return logits;
}

TEST_CASE("the divergence of logits equals the textbook sum in double", "[scoring]") {
  constexpr std::size_t kRows = 9, kCols = 1001;
  const Matrix reference = random_logits(kRows, kCols, 3, 1);
  Matrix model = random_logits(kRows, kCols, 0.1, 2);
  // One pair far apart, the others as close as a quantized model is to its original.
  for (std::size_t r = 1; r < kRows; ++r)
    for (std::size_t c = 0; c < kCols; ++c) model(r, c) += reference(r, c) + 5;
  const auto compared = compare_rows(reference, log_sums(reference), model, log_sums(model));
  for (std::size_t r = 0; r < kRows; ++r) {
    const double expected = slow_divergence(reference.row(r), model.row(r));
    // Each p is rounded to fp32 after its argument was: (1 + |log p|) 2^-24 < 2e-6 relative, on a
    // mean of differences whose spread is below 4.
    CHECK(std::abs(compared[r].divergence - expected) <= 8e-6);
    CHECK(expected > 1e-3);
  }
}

TEST_CASE("equal logits do not diverge at all, and a constant shift changes nothing", "[scoring]") {
  const Matrix logits = random_logits(5, 333, 4, 3);
  for (const RowComparison& row :
       compare_rows(logits, log_sums(logits), logits, log_sums(logits))) {
    CHECK(row.divergence == 0);
    CHECK(row.same_top);
  }
  Matrix shifted = logits.clone();
  for (std::size_t i = 0; i < shifted.size(); ++i) shifted.data()[i] += 100;
  // Adding 100 rounds each logit by up to 2^-18.
  for (const RowComparison& row :
       compare_rows(logits, log_sums(logits), shifted, log_sums(shifted)))
    CHECK(std::abs(row.divergence) <= 0x1p-18);
}

TEST_CASE("of equal logits the first is the top one", "[scoring]") {
  Matrix a(3, 3), b(3, 3);
  a(0, 1) = a(0, 2) = 1, b(0, 1) = 1;  // 1 and 1
  a(1, 1) = a(1, 2) = 1, b(1, 2) = 1;  // 1 and 2
  a(2, 2) = 1;                         // 2 and 0
  const auto compared = compare_rows(a, log_sums(a), b, log_sums(b));
  CHECK(compared[0].same_top);
  CHECK_FALSE(compared[1].same_top);
  CHECK_FALSE(compared[2].same_top);
}

}  // namespace
}  // namespace libquant
