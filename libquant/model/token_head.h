#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "libquant/core/matrix.h"
#include "libquant/model/weight_source.h"

namespace libquant {

/// The output layer (tied or not) of a model that is read from its source a slice of the vocabulary
/// at a time, so that neither its matrix nor all logits of a row are ever held whole.
class TokenHead {
 public:
  /// `source` must outlive it.
  explicit TokenHead(const WeightSource& source);

  /// log p(targets[i] | normalized hidden state i), natural logarithm; keeps what `gradient` needs.
  std::vector<double> log_probabilities(ConstMatrixView hidden,
                                        std::span<const std::int32_t> targets);
  /// Gradient of sum_i c_i log p(targets[i]) with respect to the same rows: [rows x hidden].
  Matrix gradient(ConstMatrixView hidden, std::span<const std::int32_t> targets,
                  std::span<const double> coefficients) const;

 private:
  template <typename Body>
  void for_slices(ConstMatrixView hidden, const Body& body) const;

  const WeightSource& source_;
  std::string name_;
  std::vector<double> log_sums_;
};

}  // namespace libquant
