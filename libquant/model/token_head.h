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

  struct Distilled {
    std::vector<double> divergence;  ///< KL(p(. | teacher_i) || p(. | hidden_i)), nats, >= 0
    Matrix gradient;  ///< of weight * their sum with respect to `hidden`; empty for weight 0
  };
  /// Compares the distributions that two sets of normalized hidden states give, row by row.
  Distilled distill(ConstMatrixView teacher, ConstMatrixView hidden, double weight) const;

 private:
  template <typename Body>
  void for_weights(const Body& body) const;
  template <typename Body>
  void for_slices(ConstMatrixView hidden, const Body& body) const;
  template <typename Body>
  void for_pairs(ConstMatrixView teacher, ConstMatrixView hidden, const Body& body) const;

  const WeightSource& source_;
  std::string name_;
  std::vector<double> log_sums_;
};

}  // namespace libquant
