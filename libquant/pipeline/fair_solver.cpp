#include "libquant/pipeline/fair_solver.h"

#include <algorithm>
#include <numeric>

#include "libquant/algorithms/layer_error.h"

namespace libquant {
namespace {

constexpr std::size_t kColumns = 5;

// The published code adapts only the matrices that write to the residual stream.
std::string scope_of(const FairnessOptions& options) {
  if (!options.layers.empty()) return options.layers;
  return options.mode == FairnessMode::fair_gptq_2509_15206 ? "o_proj|down_proj" : ".";
}

double squares(ConstMatrixView m) {
  double sum = 0;
  for (std::size_t r = 0; r < m.rows; ++r)
    for (const float v : m.row(r)) sum += double{v} * double{v};
  return sum;
}

Matrix difference(ConstMatrixView a, ConstMatrixView b) {
  Matrix result(a.rows, a.cols);
  for (std::size_t r = 0; r < a.rows; ++r)
    for (std::size_t c = 0; c < a.cols; ++c) result(r, c) = a.row(r)[c] - b.row(r)[c];
  return result;
}

double relative(double value, double norm) { return norm > 0 ? value / norm : 0; }

std::vector<FairColumn> heaviest_columns(const Matrix& error, std::span<const double> diagonal) {
  std::vector<double> weight(diagonal.size());
  for (std::size_t r = 0; r < error.rows(); ++r)
    for (std::size_t c = 0; c < weight.size(); ++c)
      weight[c] += double{error(r, c)} * double{error(r, c)};
  for (std::size_t c = 0; c < weight.size(); ++c) weight[c] *= diagonal[c];
  const double total = std::accumulate(weight.begin(), weight.end(), 0.0);
  std::vector<std::size_t> order(weight.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t count = std::min(kColumns, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](std::size_t a, std::size_t b) {
                      return weight[a] != weight[b] ? weight[a] > weight[b] : a < b;
                    });
  std::vector<FairColumn> columns;
  for (std::size_t i = 0; i < count && total > 0; ++i)
    columns.push_back({order[i], weight[order[i]] / total});
  return columns;
}

void measure(ConstMatrixView weights, const QuantizedMatrix& matrix, const Metric& plain,
             const Metric& probes, FairLayerReport& report) {
  report.reconstruction =
      relative(layer_error(weights, matrix, &plain), layer_norm(weights, &plain));
  const double norm = layer_norm(weights, &probes);
  report.probe_error = relative(layer_error(weights, matrix, &probes), norm);
  const Matrix values = dequantize(matrix);
  report.probe_left = relative(layer_norm(values, &probes), norm);
  report.columns = heaviest_columns(difference(values, weights), probes.diagonal());
}

}  // namespace

FairSolver::FairSolver(const FairnessOptions& options, const FairPreparation& fair,
                       const FairStatistics& statistics, std::size_t windows)
    : options_(options),
      fair_(fair),
      statistics_(statistics),
      windows_(static_cast<double>(windows)),
      scope_(scope_of(options)) {}

QuadraticTerm FairSolver::term(const PlannedLayer& layer, std::span<const double> lower) const {
  QuadraticTerm term{lower, options_.strength, true, options_.keep};
  if (!scope_.matches(layer.name)) term.strength = 0;
  if (options_.mode == FairnessMode::fair_gptq_2509_15206) {
    // There both sums are means, over sequences and over pairs, and alpha stands as it is.
    term.relative = false;
    term.keep = 0;
    term.strength *= windows_ / static_cast<double>(std::max<std::size_t>(fair_.report.items, 1));
  }
  return term;
}

LayerResult FairSolver::quantize(const PlannedLayer& layer, ConstMatrixView weights,
                                 const Hessian& hessian, Metric& plain,
                                 FairLayerReport& report) const {
  const std::vector<double> lower = statistics_.load(layer.block, layer.role);
  const Metric probes(lower, weights.cols, 0);
  QuadraticObjective objective(hessian, term(layer, lower));
  report.alpha = objective.alpha();
  report.trace_ratio = objective.trace_ratio();
  report.skipped = objective.skipped();
  LayerResult result;
  if (report.alpha == 0) {
    result = quantize_layer(weights, plain, layer.options, layer.tensor());
  } else if (options_.keep == 1 && options_.mode == FairnessMode::quadratic) {
    result = quantize_layer(weights, objective.metric(), layer.options, layer.tensor());
  } else {
    const LayerOptions& o = layer.options;
    const Factor& factor =
        objective.metric().factor(o.act_order, o.scheme.columns_per_group(weights.cols), o.damping);
    const Matrix target = objective.target(weights, factor);
    report.moved = relative(squares(difference(target, weights)), squares(weights));
    const bool published = options_.mode == FairnessMode::fair_gptq_2509_15206;
    result = quantize_layer(target, published ? plain : objective.metric(), o, layer.tensor());
  }
  measure(weights, result.matrix, plain, probes, report);
  return result;
}

}  // namespace libquant
