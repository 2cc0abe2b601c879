#include "libquant/stats/distance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "libquant/core/error.h"

namespace libquant {
namespace {

void check_distribution(std::span<const double> p) {
  double sum = 0;
  for (const double value : p) {
    require(value >= 0, "a probability of {} (not a number, or negative)", value);
    sum += value;
  }
  require(std::abs(sum - 1) < 1e-6, "probabilities sum to {}, not to 1", sum);
}

double calibration_gap(std::span<const Prediction> bin, std::size_t total) {
  if (bin.empty()) return 0;
  double confidence = 0, correct = 0;
  for (const Prediction& prediction : bin) {
    confidence += prediction.confidence;
    correct += prediction.correct ? 1 : 0;
  }
  return std::abs(correct - confidence) / static_cast<double>(total);
}

void check_predictions(std::span<const Prediction> predictions, std::size_t bins) {
  require(bins > 0, "calibration error needs at least one bin");
  for (const Prediction& prediction : predictions) {
    require(prediction.confidence >= 0 && prediction.confidence <= 1,
            "a confidence of {} is no probability", prediction.confidence);
  }
}

}  // namespace

double kl_divergence(std::span<const double> p, std::span<const double> q) {
  require(p.size() == q.size(), "KL of distributions over {} and {} options", p.size(), q.size());
  check_distribution(p);
  check_distribution(q);
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] == 0) continue;
    if (q[i] == 0) return std::numeric_limits<double>::infinity();
    sum += p[i] * std::log(p[i] / q[i]);
  }
  return std::max(0.0, sum);
}

double js_divergence(std::span<const double> p, std::span<const double> q) {
  require(p.size() == q.size(), "JS of distributions over {} and {} options", p.size(), q.size());
  std::vector<double> middle(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) middle[i] = (p[i] + q[i]) / 2;
  return (kl_divergence(p, middle) + kl_divergence(q, middle)) / 2;
}

double js_distance(std::span<const double> p, std::span<const double> q) {
  return std::sqrt(js_divergence(p, q) / std::numbers::ln2);
}

double entropy_bits(std::span<const double> p) {
  check_distribution(p);
  double sum = 0;
  for (const double value : p) {
    if (value > 0) sum -= value * std::log2(value);
  }
  return sum;
}

std::vector<double> softmax(std::span<const double> log_weights, double temperature) {
  require(!log_weights.empty(), "softmax of no options");
  require(temperature > 0, "softmax at temperature {}", temperature);
  const double highest = *std::max_element(log_weights.begin(), log_weights.end());
  require(std::isfinite(highest), "softmax needs a finite largest log weight, found {}", highest);
  std::vector<double> out(log_weights.size());
  double sum = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    require(!std::isnan(log_weights[i]), "softmax of a log weight that is not a number");
    sum += out[i] = std::exp((log_weights[i] - highest) / temperature);
  }
  for (double& value : out) value /= sum;
  return out;
}

double expected_calibration_error(std::span<const Prediction> predictions, std::size_t bins) {
  check_predictions(predictions, bins);
  std::vector<std::vector<Prediction>> binned(bins);
  for (const Prediction& prediction : predictions) {
    const auto bin = static_cast<std::size_t>(prediction.confidence * static_cast<double>(bins));
    binned[std::min(bin, bins - 1)].push_back(prediction);
  }
  double error = 0;
  for (const auto& bin : binned) error += calibration_gap(bin, predictions.size());
  return error;
}

double adaptive_calibration_error(std::span<const Prediction> predictions, std::size_t bins) {
  check_predictions(predictions, bins);
  std::vector<Prediction> sorted(predictions.begin(), predictions.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const Prediction& a, const Prediction& b) {
    return a.confidence < b.confidence;
  });
  double error = 0;
  for (std::size_t bin = 0; bin < bins; ++bin) {
    const std::size_t begin = bin * sorted.size() / bins, end = (bin + 1) * sorted.size() / bins;
    error += calibration_gap(std::span(sorted).subspan(begin, end - begin), sorted.size());
  }
  return error;
}

}  // namespace libquant
