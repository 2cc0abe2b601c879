#pragma once

#include <span>
#include <vector>

#include "libquant/core/matrix.h"

namespace libquant {

/// Two next-token distributions compared.
struct RowComparison {
  double divergence = 0;  ///< KL(reference || model) in nats over the full vocabulary
  bool same_top = false;  ///< same argmax; of equal logits the first counts
};

/// Row by row, from logits [rows x vocabulary] and the logarithms of the sums of their
/// exponentials. Sums in double; the same bytes at any thread count.
std::vector<RowComparison> compare_rows(ConstMatrixView reference,
                                        std::span<const double> reference_log_sum,
                                        ConstMatrixView model,
                                        std::span<const double> model_log_sum);

}  // namespace libquant
