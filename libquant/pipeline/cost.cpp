#include "libquant/pipeline/cost.h"

#include <algorithm>
#include <array>

#include "libquant/algorithms/row_strips.h"

namespace libquant {
namespace {

using Block = std::span<const PlannedLayer, kLinearRoles.size()>;

constexpr std::size_t kChunkTokens = 1024;

double d(std::size_t value) { return static_cast<double>(value); }

/// Layers that share an input, and so a Hessian.
constexpr std::array kSharedInputs{
    std::pair{LinearRole::q, LinearRole::v}, std::pair{LinearRole::o, LinearRole::o},
    std::pair{LinearRole::gate, LinearRole::up}, std::pair{LinearRole::down, LinearRole::down}};

std::span<const PlannedLayer> sharing(Block block, std::pair<LinearRole, LinearRole> roles) {
  const auto first = static_cast<std::size_t>(roles.first);
  const auto last = static_cast<std::size_t>(roles.second);
  return std::span<const PlannedLayer>(block).subspan(first, last - first + 1);
}

bool wanted(const PlannedLayer& layer) { return !layer.ignored; }

bool solved(const PlannedLayer& layer) {
  return !layer.ignored && layer.options.method == Method::gptq;
}

double weights(std::span<const PlannedLayer> layers) {
  double sum = 0;
  for (const auto& layer : layers) sum += d(layer.rows) * d(layer.cols);
  return sum;
}

// Beside the Hessian and its factor: strips of rows in double, and two sets of codes.
double solver_bytes(std::span<const PlannedLayer> layers) {
  constexpr double kPanels = 384;  // columns of the strips' workspace
  double most = 0;
  for (const auto& layer : layers) {
    if (layer.ignored) continue;
    const double strip = 8 * d(strip_rows(layer.rows, layer.cols)) * (d(layer.cols) + kPanels);
    most = std::max(most, strip + 2 * d(layer.rows) * d(layer.cols));
  }
  return most;
}

/// Activations of a chunk of tokens while the inputs of `role` are computed.
double chunk_values(const ModelConfig& config, LinearRole role) {
  const double hidden = d(config.hidden_size);
  const double attention = d(config.heads + config.kv_heads) * d(config.head_dim);
  if (role == LinearRole::o) return hidden + 2 * attention;
  if (role == LinearRole::down) return hidden + 3 * d(config.intermediate_size);
  return 2 * hidden;
}

double peak_of_block(const ModelConfig& config, Block block, std::size_t tokens,
                     std::size_t window) {
  const double chunk = tokens == 0 ? 0 : 4 * d(chunk_tokens(tokens, window));
  const double hidden = 4 * d(tokens) * d(config.hidden_size);
  double live = 4 * weights(block), codes = 0, peak = live;
  for (const auto& roles : kSharedInputs) {
    const auto layers = sharing(block, roles);
    const bool any = std::any_of(layers.begin(), layers.end(), wanted);
    const double n = d(layers.front().cols);
    const double hessian = any && tokens > 0 ? 8 * n * n : 0;
    peak = std::max(
        peak, live + codes + hidden + hessian + chunk * chunk_values(config, layers.front().role));
    // Layers before these have been used for the last time.
    live = 4 * weights(std::span<const PlannedLayer>(block).subspan(
                   static_cast<std::size_t>(layers.front().role)));
    codes += any ? weights(layers) : 0;
    if (any) peak = std::max(peak, live + codes + hidden + 2 * hessian + solver_bytes(layers));
  }
  return peak;
}

double dense_bytes_of(DType type, double values) {
  const auto& kind = traits(type);
  return values * d(kind.block_bytes) / d(kind.block_elements);
}

double packed_bytes(const PlannedLayer& layer) {
  const Scheme& scheme = layer.options.scheme;
  const double values = d(layer.rows) * d(layer.cols);
  const double groups = d(layer.rows) * d(scheme.groups(layer.cols));
  return values * scheme.bits / 8 + groups * 5;
}

}  // namespace

double linear_flops(const PlannedLayer& layer, std::size_t tokens) {
  return 2 * d(tokens) * d(layer.rows) * d(layer.cols);
}

double attention_flops(const ModelConfig& config, std::size_t tokens, std::size_t window) {
  // Half of all pairs of a window, two products per pair, two operations per multiply-add.
  return d(tokens) * d(window) * 2 * d(config.heads) * d(config.head_dim);
}

double hessian_flops(std::size_t size, std::size_t tokens) {
  return d(tokens) * d(size) * (d(size) + 1);
}

double factor_flops(std::size_t size) { return 2.0 / 3.0 * d(size) * d(size) * d(size); }

double update_flops(const PlannedLayer& layer) {
  return d(layer.rows) * d(layer.cols) * d(layer.cols);
}

bool needs_forward(const QuantizeOptions& options) {
  return options.layer.method == Method::gptq || options.layer.clip.weighted;
}

BlockFlops block_flops(const ModelConfig& config, const LayerPlan& plan, std::size_t block,
                       std::size_t tokens, std::size_t window) {
  BlockFlops flops;
  if (tokens == 0) return flops;
  const auto layers = plan.block(block);
  for (const auto& roles : kSharedInputs) {
    const auto shared = sharing(layers, roles);
    const std::size_t size = shared.front().cols;
    if (std::any_of(shared.begin(), shared.end(), wanted))
      flops.hessian += hessian_flops(size, tokens);
    if (std::any_of(shared.begin(), shared.end(), solved)) flops.solve += factor_flops(size);
    for (const auto& layer : shared) {
      const bool unused = layer.role == LinearRole::down && block + 1 == config.layers;
      if (!unused) flops.forward += linear_flops(layer, tokens);
      if (solved(layer)) flops.solve += update_flops(layer);
    }
  }
  flops.forward += attention_flops(config, tokens, window);
  return flops;
}

double floor_flops(const ModelConfig& config, const LayerPlan& plan, std::size_t tokens,
                   std::size_t window) {
  double sum = 0;
  for (std::size_t block = 0; block < config.layers; ++block)
    sum += block_flops(config, plan, block, tokens, window).total();
  return sum;
}

std::size_t chunk_tokens(std::size_t tokens, std::size_t window) {
  const std::size_t windows = std::max<std::size_t>(kChunkTokens / window, 1);
  return std::min(tokens, windows * window);
}

double expected_peak_bytes(const ModelConfig& config, const LayerPlan& plan, std::size_t tokens,
                           std::size_t window) {
  // The program with its kernels' workspace; pieces and merges of the tokenizer.
  constexpr double kProcess = 12e6, kPerToken = 260;
  const double tokenizer = kPerToken * d(config.vocabulary_size);
  double peak = 0;
  for (std::size_t block = 0; block < config.layers; ++block)
    peak = std::max(peak, peak_of_block(config, plan.block(block), tokens, window));
  return kProcess + tokenizer + peak;
}

double expected_disk_bytes(const WeightSource& source, const LayerPlan& plan,
                           const QuantizeOptions& options, std::size_t tokens) {
  const ModelConfig& config = source.config();
  const double wide = std::max(d(config.heads) * d(config.head_dim), d(config.intermediate_size));
  double bytes = 4 * d(tokens) * (2 * d(config.hidden_size) + wide);
  double dense = 0, packed = 0;
  for (const auto& layer : plan.layers) {
    const double values = d(layer.rows) * d(layer.cols);
    if (!layer.ignored)
      bytes += values + d(layer.rows) * d(layer.options.scheme.groups(layer.cols)) * 5;
    (layer.ignored ? dense : packed) += layer.ignored ? values : packed_bytes(layer);
  }
  const double embeddings =
      d(config.vocabulary_size) * d(config.hidden_size) * (config.tied_embeddings ? 1 : 2);
  for (const Format format : options.formats) {
    if (format == Format::safetensors)
      bytes += dense_bytes_of(options.write.dense_type, dense + weights(plan.layers));
    else
      bytes += packed + dense_bytes_of(options.write.dense_type, dense);
    bytes += dense_bytes_of(options.write.embedding_type, embeddings);
  }
  return bytes;
}

}  // namespace libquant
