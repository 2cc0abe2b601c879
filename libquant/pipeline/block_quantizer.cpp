#include "libquant/pipeline/block_quantizer.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "libquant/core/error.h"
#include "libquant/pipeline/cost.h"
#include "libquant/pipeline/process_memory.h"

namespace libquant {
namespace {

constexpr std::array kQueryKeyValue{LinearRole::q, LinearRole::k, LinearRole::v};
constexpr std::array kOutput{LinearRole::o};
constexpr std::array kGateUp{LinearRole::gate, LinearRole::up};
constexpr std::array kDown{LinearRole::down};

/// Adds the time of its scope to a counter.
class Timer {
 public:
  explicit Timer(double& seconds) : seconds_(seconds) {}
  ~Timer() {
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

std::size_t widest_input(const LayerPlan& plan) {
  std::size_t widest = 0;
  for (const auto& layer : plan.layers)
    if (layer.role == LinearRole::o || layer.role == LinearRole::down)
      widest = std::max(widest, layer.cols);
  return widest;
}

}  // namespace

struct BlockQuantizer::Pass {
  std::size_t block;
  std::span<const PlannedLayer, kLinearRoles.size()> plan;
  BlockWeights weights;
  std::vector<QuantizedLayer> done;

  const PlannedLayer& planned(LinearRole role) const {
    return plan[static_cast<std::size_t>(role)];
  }
  void drop(std::span<const LinearRole> roles) {
    for (const LinearRole role : roles) weights[role].weight = Matrix();
  }
};

BlockQuantizer::BlockQuantizer(const ModelConfig& config, const LayerPlan& plan, Matrix hidden,
                               std::size_t window, const std::filesystem::path& scratch,
                               ProgressMeter& progress)
    : config_(config),
      plan_(plan),
      hidden_(std::move(hidden)),
      window_(window),
      rope_(config, std::max<std::size_t>(window, 1)),
      stages_(config_, rope_),
      progress_(progress) {
  if (hidden_.empty()) return;
  lengths_.assign(chunk_tokens(hidden_.rows(), window) / window, window);
  scratch_ = ScratchActivations(scratch, hidden_.rows(), widest_input(plan));
}

StageSeconds BlockQuantizer::take_seconds() { return std::exchange(seconds_, {}); }

void BlockQuantizer::for_chunks(const Pass& pass, const char* what, std::size_t step, double flops,
                                const std::function<void(const Chunk&)>& body) {
  progress_.stage(fmt::format("block {} of {}: {}", pass.block + 1, config_.layers, what));
  for (std::size_t begin = 0; begin < hidden_.rows(); begin += step) {
    const std::size_t count = std::min(step, hidden_.rows() - begin);
    body({begin, count});
    progress_.add(flops * static_cast<double>(count) / static_cast<double>(hidden_.rows()));
  }
}

std::optional<Hessian> BlockQuantizer::hessian_for(const Pass& pass,
                                                   std::span<const LinearRole> roles) const {
  const bool wanted = std::any_of(roles.begin(), roles.end(),
                                  [&](LinearRole role) { return !pass.planned(role).ignored; });
  if (!wanted || hidden_.empty()) return std::nullopt;
  return std::optional<Hessian>(std::in_place, pass.planned(roles.front()).cols);
}

void BlockQuantizer::add(std::optional<Hessian>& hessian, ConstMatrixView x, const Pass& pass,
                         LinearRole role) {
  if (!hessian) return;
  const Timer timer(seconds_.hessian);
  try {
    hessian->add(x);
  } catch (const Error& error) {
    fail<Error>("calibration inputs of {}: {}", pass.planned(role).name, error.what());
  }
}

void BlockQuantizer::solve(Pass& pass, std::span<const LinearRole> roles,
                           std::optional<Hessian> hessian) {
  trim_heap();
  const Timer timer(seconds_.solve);
  std::optional<Metric> metric;
  if (hessian) metric.emplace(*hessian);
  for (const LinearRole role : roles) {
    const PlannedLayer& planned = pass.planned(role);
    if (planned.ignored) continue;
    progress_.stage(fmt::format("block {} of {}: quantizing {}", pass.block + 1, config_.layers,
                                to_string(role)));
    Matrix& weight = pass.weights[role].weight;
    std::optional<FairLayerReport> fairness;
    LayerResult result;
    if (fair_ != nullptr && metric)
      result = fair_->quantize(planned, weight, *hessian, *metric, fairness.emplace());
    else if (metric)
      result = quantize_layer(weight, *metric, planned.options, planned.tensor());
    else
      result = quantize_layer(weight, nullptr, planned.options, planned.tensor());
    result.report.group_fallback = planned.group_fallback;
    if (hessian)
      dequantize_rows(result.matrix, 0, weight);
    else
      weight = Matrix();
    pass.done.push_back(
        {{planned.name, planned.options.scheme, std::move(result.report), std::move(fairness)},
         std::move(result.matrix)});
    progress_.add(solve_work(planned, hessian.has_value()));
  }
}

void BlockQuantizer::attention_stages(Pass& pass) {
  const auto& w = pass.weights;
  const std::size_t width = pass.planned(LinearRole::o).cols;
  const MatrixView context = scratch_.view(width);

  const std::size_t step = chunk_tokens(hidden_.rows(), window_);
  auto shared = hessian_for(pass, kQueryKeyValue);
  for_chunks(pass, "inputs of q, k, v", step, hessian_flops(config_.hidden_size, hidden_.rows()),
             [&](const Chunk& chunk) {
               if (!shared) return;
               const auto rows = hidden_.view().row_range(chunk.begin, chunk.count);
               add(shared, stages_.attention_input(w, rows), pass, LinearRole::q);
             });
  solve(pass, kQueryKeyValue, std::move(shared));

  auto own = hessian_for(pass, kOutput);
  double flops =
      attention_flops(config_, hidden_.rows(), window_) + hessian_flops(width, hidden_.rows());
  for (const LinearRole role : kQueryKeyValue)
    flops += linear_flops(pass.planned(role), hidden_.rows());
  for_chunks(pass, "attention", step, flops, [&](const Chunk& chunk) {
    const auto rows = hidden_.view().row_range(chunk.begin, chunk.count);
    const auto out = context.row_range(chunk.begin, chunk.count);
    {
      const Timer timer(seconds_.forward);
      const Matrix x = stages_.attention_input(w, rows);
      const auto lengths = std::span(lengths_).first(chunk.count / window_);
      stages_.attention_context(w, x, lengths, pass.block, {}, out);
    }
    add(own, out, pass, LinearRole::o);
  });
  pass.drop(kQueryKeyValue);
  solve(pass, kOutput, std::move(own));
}

void BlockQuantizer::mlp_stages(Pass& pass) {
  const auto& w = pass.weights;
  const MatrixView context = scratch_.view(pass.planned(LinearRole::o).cols);
  const std::size_t tokens = hidden_.rows();

  if (before_change_) before_change_();
  auto shared = hessian_for(pass, kGateUp);
  for_chunks(pass, "attention output", large_chunk_tokens(tokens, window_),
             linear_flops(pass.planned(LinearRole::o), tokens), [&](const Chunk& chunk) {
               const Timer timer(seconds_.forward);
               stages_.attention_output(w, context.row_range(chunk.begin, chunk.count),
                                        hidden_.view().row_range(chunk.begin, chunk.count));
             });
  for_chunks(pass, "inputs of gate, up", chunk_tokens(tokens, window_),
             hessian_flops(config_.hidden_size, tokens), [&](const Chunk& chunk) {
               if (!shared) return;
               const auto rows = hidden_.view().row_range(chunk.begin, chunk.count);
               add(shared, stages_.mlp_input(w, rows), pass, LinearRole::gate);
             });
  pass.drop(kOutput);
  solve(pass, kGateUp, std::move(shared));

  const PlannedLayer& down = pass.planned(LinearRole::down);
  const MatrixView inner = scratch_.view(down.cols);
  auto own = hessian_for(pass, kDown);
  for_chunks(pass, "MLP", mlp_chunk_tokens(tokens, window_),
             linear_flops(pass.planned(LinearRole::gate), tokens) +
                 linear_flops(pass.planned(LinearRole::up), tokens) +
                 hessian_flops(down.cols, tokens),
             [&](const Chunk& chunk) {
               const auto rows = hidden_.view().row_range(chunk.begin, chunk.count);
               const auto out = inner.row_range(chunk.begin, chunk.count);
               {
                 const Timer timer(seconds_.forward);
                 stages_.mlp_inner(w, stages_.mlp_input(w, rows), out);
               }
               add(own, out, pass, LinearRole::down);
             });
  pass.drop(kGateUp);
  solve(pass, kDown, std::move(own));

  if (pass.block + 1 == config_.layers) return;
  for_chunks(pass, "MLP output", large_chunk_tokens(tokens, window_), linear_flops(down, tokens),
             [&](const Chunk& chunk) {
               const Timer timer(seconds_.forward);
               stages_.mlp_output(w, inner.row_range(chunk.begin, chunk.count),
                                  hidden_.view().row_range(chunk.begin, chunk.count));
             });
}

std::vector<QuantizedLayer> BlockQuantizer::quantize(std::size_t block, BlockWeights weights) {
  Pass pass{block, plan_.block(block), std::move(weights), {}};
  if (hidden_.empty()) {
    solve(pass, kLinearRoles, std::nullopt);
  } else {
    attention_stages(pass);
    mlp_stages(pass);
  }
  return std::move(pass.done);
}

void BlockQuantizer::replay(std::size_t block, const BlockWeights& weights) {
  Pass pass{block, plan_.block(block), {}, {}};
  for_chunks(pass, "again, from its codes", chunk_tokens(hidden_.rows(), window_), 0,
             [&](const Chunk& chunk) {
               stages_.forward(weights, hidden_.view().row_range(chunk.begin, chunk.count),
                               std::span(lengths_).first(chunk.count / window_), block, {});
             });
}

double solve_work(const PlannedLayer& layer, bool with_hessian) {
  // Measured on SmolLM2: doubles, short vectors and the clip search make these operations about
  // that much slower than a GEMM's.
  constexpr double kSearch = 400, kUpdate = 6;
  const double weights = static_cast<double>(layer.rows) * static_cast<double>(layer.cols);
  const bool gptq = layer.options.method == Method::gptq && with_hessian;
  const double search = weights * kSearch * std::max(layer.options.clip.steps / 100.0, 0.2);
  return search + (gptq ? kUpdate * (update_flops(layer) + factor_flops(layer.cols)) : 0);
}

}  // namespace libquant
