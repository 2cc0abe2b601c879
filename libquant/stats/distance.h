#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace libquant {

/// Measures on discrete distributions. Arguments sum to one (checked to 1e-6) and have equal
/// length; logarithms are natural unless a name says bits.

/// sum p log(p/q); infinite where q = 0 < p.
double kl_divergence(std::span<const double> p, std::span<const double> q);
/// Jensen-Shannon divergence, nats.
double js_divergence(std::span<const double> p, std::span<const double> q);
/// Square root of the divergence in bits: 0 (equal) to 1 (disjoint).
double js_distance(std::span<const double> p, std::span<const double> q);
double entropy_bits(std::span<const double> p);

/// softmax(log_weights / temperature), stable; -infinity is a weight of zero.
std::vector<double> softmax(std::span<const double> log_weights, double temperature = 1);

/// One prediction for calibration error: confidence in the chosen option, and whether it was right.
struct Prediction {
  double confidence = 0;
  bool correct = false;
};
/// Expected calibration error over `bins` ranges of equal width (Guo et al. 2017).
double expected_calibration_error(std::span<const Prediction> predictions, std::size_t bins = 10);
/// The same over `bins` ranges of equal count (adaptive, Nixon et al. 2019); order of ties is that
/// of the input.
double adaptive_calibration_error(std::span<const Prediction> predictions, std::size_t bins = 15);

}  // namespace libquant
