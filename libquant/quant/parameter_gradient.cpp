#include "libquant/quant/parameter_gradient.h"

#include <vector>

#include "kernels/threads.h"
#include "libquant/core/error.h"

namespace libquant {

void parameter_gradient(ConstMatrixView of_weights, const QuantizedMatrix& matrix,
                        std::span<double> scales, std::span<double> minimums) {
  const std::size_t groups = matrix.groups(), count = matrix.rows * groups;
  const bool minimum = matrix.scheme.zero == ZeroKind::minimum;
  require(of_weights.rows == matrix.rows && of_weights.cols == matrix.cols &&
              scales.size() == count && minimums.size() == (minimum ? count : 0),
          "gradient of {} x {} weights and {} + {} parameters of a matrix of {} x {} in {} groups",
          of_weights.rows, of_weights.cols, scales.size(), minimums.size(), matrix.rows,
          matrix.cols, groups);
  kernels::parallel_for(matrix.rows, 16, [&](std::size_t r) {
    for (std::size_t g = 0; g < groups; ++g) {
      scales[r * groups + g] = 0;
      if (minimum) minimums[r * groups + g] = 0;
    }
    const std::span<const float> gradient = of_weights.row(r);
    const std::uint8_t* codes = matrix.codes.data() + r * matrix.cols;
    for (std::size_t c = 0; c < matrix.cols; ++c) {
      const std::size_t at = r * groups + matrix.group(c);
      const double zero = minimum ? 0 : matrix.parameters(r, matrix.group(c)).zero;
      scales[at] += double{gradient[c]} * (codes[c] - zero);
      if (minimum) minimums[at] += double{gradient[c]};
    }
  });
}

}  // namespace libquant
