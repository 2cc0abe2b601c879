#include "libquant/scoring/divergence.h"

#include <algorithm>
#include <cmath>

#include "kernels/threads.h"

namespace libquant {
namespace {

// KL = sum p (x - y) - (log-sum x - log-sum y), p = softmax(x). Dividing by the sum of the rounded
// p removes what their rounding would add for logits that are shifted by a constant.
double divergence(std::span<const float> x, double log_sum_x, std::span<const float> y,
                  double log_sum_y) noexcept {
  double weighted = 0, total = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto p = double{std::exp(static_cast<float>(double{x[i]} - log_sum_x))};
    total += p;
    weighted += p * (double{x[i]} - double{y[i]});
  }
  return weighted / total - (log_sum_x - log_sum_y);
}

std::ptrdiff_t top(std::span<const float> values) noexcept {
  return std::ranges::max_element(values) - values.begin();
}

}  // namespace

std::vector<RowComparison> compare_rows(ConstMatrixView reference,
                                        std::span<const double> reference_log_sum,
                                        ConstMatrixView model,
                                        std::span<const double> model_log_sum) {
  std::vector<RowComparison> result(reference.rows);
  kernels::parallel_for(reference.rows, 4, [&](std::size_t r) {
    result[r].divergence =
        divergence(reference.row(r), reference_log_sum[r], model.row(r), model_log_sum[r]);
    result[r].same_top = top(reference.row(r)) == top(model.row(r));
  });
  return result;
}

}  // namespace libquant
