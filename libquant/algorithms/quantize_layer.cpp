#include "libquant/algorithms/quantize_layer.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/threads.h"
#include "libquant/algorithms/gptq.h"
#include "libquant/algorithms/layer_error.h"
#include "libquant/algorithms/rtn.h"
#include "libquant/algorithms/scale_refit.h"
#include "libquant/core/error.h"

namespace libquant {
namespace {

void check_weights(ConstMatrixView weights, const Scheme& scheme, std::string_view tensor) {
  require(weights.rows > 0 && weights.stride >= weights.cols, "{}: a matrix of {} x {} (stride {})",
          tensor, weights.rows, weights.cols, weights.stride);
  const double largest = largest_weight(scheme);
  // Also false for NaN. On bits, so that the loop vectorises.
  const auto size = [](float value) { return std::bit_cast<std::int32_t>(value) & 0x7fffffff; };
  const float limit = largest < std::numeric_limits<float>::max()
                          ? static_cast<float>(largest)
                          : std::numeric_limits<float>::max();
  const auto fits = [&](float value) { return size(value) <= size(limit); };
  std::vector<std::uint8_t> bad(weights.rows);
  kernels::parallel_for(weights.rows, 64, [&](std::size_t r) {
    std::int32_t most = 0;
    for (const float value : weights.row(r)) most = std::max(most, size(value));
    bad[r] = most <= size(limit) ? 0 : 1;
  });
  const auto first = std::ranges::find(bad, 1);
  if (first == bad.end()) return;
  const auto r = static_cast<std::size_t>(first - bad.begin());
  const std::span<const float> row = weights.row(r);
  const auto value = std::ranges::find_if_not(row, fits);
  const auto c = value - row.begin();
  require(std::isfinite(*value), "{}: the weight at row {}, column {} is {}", tensor, r, c, *value);
  fail<InvalidArgument>("{}: the weight {} at row {}, column {} is too large for {}: at most {}",
                        tensor, *value, r, c, to_string(scheme), largest);
}

void check_options(const LayerOptions& options) {
  check_clip(options.clip);
  require(options.damping >= 0 && options.damping < 1, "damping {}: expected 0 <= damping < 1",
          options.damping);
  require(options.block_columns > 0 && options.block_columns <= 8192,
          "GPTQ block of {} columns: expected 1 to 8192", options.block_columns);
}

double relative(double error, double norm) { return norm > 0 ? error / norm : 0; }

class Layer {
 public:
  Layer(ConstMatrixView weights, Metric* metric, const LayerOptions& options)
      : weights_(weights), metric_(metric), options_(options) {
    if (options.clip.weighted && metric != nullptr)
      importance_ = metric->importance(options.damping);
  }

  LayerResult run() {
    LayerResult result;
    result.matrix = round_to_nearest(weights_, importance_, options_.scheme, options_.clip);
    LayerReport& report = result.report;
    if (metric_ != nullptr) {
      report.tokens = metric_->tokens();
      report.dead_columns = metric_->dead_columns();
    }
    const double norm = layer_norm(weights_, metric_);
    report.error = report.rtn_error = relative(layer_error(weights_, result.matrix, metric_), norm);
    if (options_.method == Method::gptq) solve(norm, result);
    if (options_.scale_refit) refit(norm, result);
    return result;
  }

 private:
  void solve(double norm, LayerResult& result) {
    LayerReport& report = result.report;
    const Factor& factor = metric_->factor(
        options_.act_order, options_.scheme.columns_per_group(weights_.cols), options_.damping);
    report.damping = factor.damping;
    report.damping_attempts = factor.attempts;
    if (factor.upper.empty()) {
      report.fallback = factor.failure;
      return;
    }
    double damped = 0;
    QuantizedMatrix solved = gptq(weights_, factor,
                                  {.scheme = options_.scheme,
                                   .clip = options_.clip,
                                   .static_groups = options_.act_order == ActOrder::static_all,
                                   .block_columns = options_.block_columns},
                                  &damped);
    const double error = relative(undamped(damped, factor.damping, solved), norm);
    if (!std::isfinite(error)) {
      report.fallback = "the solution is not finite";
      return;
    }
    report.error = error;
    result.matrix = std::move(solved);
  }

  // What the solver made of its own metric, less what the damping adds to it.
  double undamped(double error, double damping, const QuantizedMatrix& solved) const {
    std::vector<double> ridge = metric_->importance(damping);
    for (std::size_t c = 0; c < ridge.size(); ++c) ridge[c] -= metric_->diagonal()[c];
    const double rest = error - diagonal_error(weights_, solved, ridge);
    return rest < 0 ? 0 : rest;
  }

  void refit(double norm, LayerResult& result) {
    LayerReport& report = result.report;
    if (!std::isfinite(report.error)) return;
    report.refitted_rows =
        refit_scales(weights_, *metric_, std::max(options_.damping, report.damping), result.matrix)
            .rows;
    report.error = relative(layer_error(weights_, result.matrix, metric_), norm);
  }

  ConstMatrixView weights_;
  Metric* metric_;
  const LayerOptions& options_;
  std::vector<double> importance_;
};

LayerResult checked_run(ConstMatrixView weights, Metric* metric, const LayerOptions& options,
                        std::string_view tensor) {
  const auto start = std::chrono::steady_clock::now();
  check_scheme(options.scheme, weights.cols, tensor);
  check_options(options);
  check_weights(weights, options.scheme, tensor);
  require(metric != nullptr || (options.method == Method::rtn && !options.scale_refit),
          "{}: {} needs the second moments of the layer's inputs", tensor,
          options.scale_refit ? "a scale refit" : to_string(options.method));
  require(metric == nullptr || metric->size() == weights.cols,
          "{}: {} columns, but the second moments are of {} inputs", tensor, weights.cols,
          metric == nullptr ? 0 : metric->size());
  LayerResult result = Layer(weights, metric, options).run();
  result.report.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace

std::string_view to_string(Method method) noexcept {
  return method == Method::rtn ? "rtn" : "gptq";
}

ClipSearch default_clip(Method method) noexcept {
  return method == Method::gptq ? ClipSearch{.steps = 20, .weighted = true} : ClipSearch{};
}

Method method_from(std::string_view name) {
  for (const auto method : {Method::rtn, Method::gptq})
    if (name == to_string(method)) return method;
  fail<InvalidArgument>("method '{}': expected rtn or gptq", name);
}

LayerResult quantize_layer(ConstMatrixView weights, Metric& metric, const LayerOptions& options,
                           std::string_view tensor) {
  return checked_run(weights, &metric, options, tensor);
}

LayerResult quantize_layer(ConstMatrixView weights, const Hessian* hessian,
                           const LayerOptions& options, std::string_view tensor) {
  if (hessian == nullptr) return checked_run(weights, nullptr, options, tensor);
  Metric metric(*hessian);
  return checked_run(weights, &metric, options, tensor);
}

}  // namespace libquant
