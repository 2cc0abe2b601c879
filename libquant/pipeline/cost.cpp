#include "libquant/pipeline/cost.h"

#include <algorithm>
#include <array>

#include "libquant/algorithms/row_strips.h"
#include "libquant/algorithms/scale_refit.h"

namespace libquant {
namespace {

using Block = std::span<const PlannedLayer, kLinearRoles.size()>;

constexpr std::size_t kChunkTokens = 1024;

std::size_t whole_windows(std::size_t about, std::size_t tokens, std::size_t window) {
  return std::min(tokens, std::max<std::size_t>(about / window, 1) * window);
}

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

double code_bytes(const PlannedLayer& layer) {
  if (layer.ignored) return 0;
  const double groups = d(layer.rows) * d(layer.options.scheme.groups(layer.cols));
  return d(layer.rows) * d(layer.cols) + 5 * groups;
}

double code_bytes(std::span<const PlannedLayer> layers) {
  double sum = 0;
  for (const auto& layer : layers) sum += code_bytes(layer);
  return sum;
}

// Beside a layer's weights, the Hessian and its factor: the result and what it is compared with,
// and strips of rows, of which one is in double at a time.
double solver_bytes(const PlannedLayer& layer) {
  if (layer.ignored) return 0;
  const double padded = d(strip_rows(layer.rows, layer.cols)) + 56;
  double work = 8 * padded * d(layer.cols + layer.options.block_columns);
  if (layer.options.scale_refit)
    work = std::max(work, refit_bytes(layer.options.scheme, layer.rows, layer.cols));
  return work + 2 * code_bytes(layer);
}

// While its Hessian is factored.
double factor_bytes(double size) { return 8 * 256 * size; }

/// Activations of a chunk of tokens while the inputs of `role` are computed.
double chunk_bytes(const ModelConfig& config, LinearRole role, std::size_t tokens,
                   std::size_t window) {
  if (tokens == 0) return 0;
  const double hidden = d(config.hidden_size), few = 4 * d(chunk_tokens(tokens, window));
  const double attention = d(config.heads + config.kv_heads) * d(config.head_dim);
  if (role == LinearRole::o) return few * (hidden + 2 * attention);
  if (role == LinearRole::down)
    return 4 * d(mlp_chunk_tokens(tokens, window)) * (hidden + d(config.intermediate_size));
  return few * 2 * hidden;
}

/// Around the layers that share an input: while it is computed and its second moments are summed,
/// and while the layers are solved. `written`: codes of the block before, which are being written
/// until the hidden states change.
double peak_of_block(const ModelConfig& config, Block block, double written, std::size_t tokens,
                     std::size_t window) {
  double live = 4 * weights(block), peak = live;
  double held = 4 * d(tokens) * d(config.hidden_size) + written;
  for (const auto& roles : kSharedInputs) {
    const auto layers = sharing(block, roles);
    const LinearRole first = layers.front().role;
    if (first == LinearRole::gate) held -= written;
    const bool any = std::any_of(layers.begin(), layers.end(), wanted);
    const double size = d(layers.front().cols), hessian = any && tokens > 0 ? 8 * size * size : 0;
    const double chunk = chunk_bytes(config, first, tokens, window);
    peak = std::max(peak, live + held + hessian + chunk);
    // Layers before these have been used for the last time.
    live = 4 * weights(std::span(block).subspan(static_cast<std::size_t>(first)));
    if (hessian > 0) peak = std::max(peak, live + held + 2 * hessian + factor_bytes(size));
    for (const auto& layer : layers) {
      peak = std::max(peak, live + held + 2 * hessian + solver_bytes(layer));
      held += code_bytes(layer);
    }
  }
  return peak;
}

double peak_of_blocks(const ModelConfig& config, const LayerPlan& plan, std::size_t tokens,
                      std::size_t window) {
  double peak = 0, written = 0;
  for (std::size_t i = 0; i < config.layers; ++i) {
    peak = std::max(peak, peak_of_block(config, plan.block(i), written, tokens, window));
    written = code_bytes(plan.block(i));
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
  return options.layer.method == Method::gptq || options.layer.clip.weighted ||
         options.layer.scale_refit || options.refine.enabled();
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
  return whole_windows(kChunkTokens, tokens, window);
}

std::size_t mlp_chunk_tokens(std::size_t tokens, std::size_t window) {
  return whole_windows(2 * kChunkTokens, tokens, window);
}

std::size_t large_chunk_tokens(std::size_t tokens, std::size_t window) {
  return whole_windows(8 * kChunkTokens, tokens, window);
}

std::vector<bool> kept_states(const ModelConfig& config, const LayerPlan& plan, std::size_t tokens,
                              std::size_t window) {
  // Where a file of a gigabyte takes two seconds and the forward pass makes 250 GFLOP/s.
  constexpr double kFlopsPerByte = 25000, kSmall = 1e6;
  const double bytes = 4 * d(tokens) * d(config.hidden_size);
  std::vector<bool> kept(config.layers);
  double flops = 0;
  for (std::size_t block = 0; block + 1 < config.layers; ++block) {
    flops += block_flops(config, plan, block, tokens, window).forward;
    kept[block] = tokens > 0 && (bytes <= kSmall || flops >= kFlopsPerByte * bytes);
    if (kept[block]) flops = 0;
  }
  return kept;
}

double array_bytes(const ModelConfig& config, const LayerPlan& plan, std::size_t tokens,
                   std::size_t window) {
  double codes = 0;
  for (std::size_t block = 0; block < config.layers; ++block)
    codes = std::max(codes, code_bytes(plan.block(block)));
  // A block's codes, and those of the one before while they are written, lie elsewhere.
  return std::max(0.0, peak_of_blocks(config, plan, tokens, window) - 2 * codes);
}

double backward_chunk_bytes(const ModelConfig& config) {
  constexpr double kRows = 1024;
  const double queries = d(config.heads) * d(config.head_dim);
  return 4 * kRows * (6 * d(config.hidden_size) + 6 * queries + 5 * d(config.intermediate_size));
}

double head_strip_bytes(const ModelConfig& config) {
  constexpr double kSlice = 8192, kRows = 512;
  return 4 * kSlice * (d(config.hidden_size) + kRows);
}

double process_bytes(const ModelConfig& config) {
  constexpr double kProcess = 12e6, kPerToken = 260;
  return kProcess + kPerToken * d(config.vocabulary_size);
}

double expected_peak_bytes(const ModelConfig& config, const LayerPlan& plan, std::size_t tokens,
                           std::size_t window) {
  return process_bytes(config) + peak_of_blocks(config, plan, tokens, window);
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
