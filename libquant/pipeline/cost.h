#pragma once

#include <cstddef>
#include <vector>

#include "libquant/model/config.h"
#include "libquant/pipeline/layer_plan.h"

namespace libquant {

/// The work of a run in floating-point operations (a multiply-add is two).
struct BlockFlops {
  double forward = 0;  ///< linear layers and causal attention, each once over the tokens
  double hessian = 0;  ///< symmetric rank-k updates, one triangle
  double solve = 0;    ///< factorizations and GPTQ's updates

  double total() const noexcept { return forward + hessian + solve; }
};

/// One linear layer over `tokens` tokens.
double linear_flops(const PlannedLayer& layer, std::size_t tokens);
/// Causal attention of `tokens` tokens in windows of `window`.
double attention_flops(const ModelConfig& config, std::size_t tokens, std::size_t window);
/// One triangle of X^T X.
double hessian_flops(std::size_t size, std::size_t tokens);
/// Cholesky and triangular inverse of a Hessian.
double factor_flops(std::size_t size);
/// GPTQ's updates of one layer.
double update_flops(const PlannedLayer& layer);

/// True when Hessians are needed: for gptq, a weighted clip search and a scale refit; and for a
/// refinement, whose text comes with them.
bool needs_forward(const QuantizeOptions& options);

/// Least work for one block: every linear layer once, one Hessian per shared input, one factor per
/// Hessian. The last block's output is not needed.
BlockFlops block_flops(const ModelConfig& config, const LayerPlan& plan, std::size_t block,
                       std::size_t tokens, std::size_t window);
double floor_flops(const ModelConfig& config, const LayerPlan& plan, std::size_t tokens,
                   std::size_t window);

/// Tokens that pass through a stage together: whole windows, about 1,024 tokens. A layer's weights
/// are packed once for each chunk, so there are more in it where that takes little memory: twice as
/// many in the MLP, and about 8,192 where outputs go straight into the hidden states.
std::size_t chunk_tokens(std::size_t tokens, std::size_t window);
std::size_t mlp_chunk_tokens(std::size_t tokens, std::size_t window);
std::size_t large_chunk_tokens(std::size_t tokens, std::size_t window);

/// Whether the hidden states after each block are written to the work folder: where computing them
/// again from the last written ones takes about fifty times as long as writing them, and where they
/// are small. Never after the last block, whose output is not computed.
std::vector<bool> kept_states(const ModelConfig& config, const LayerPlan& plan, std::size_t tokens,
                              std::size_t window);

/// What arrays in use and free ones that are kept for later (libquant/core/large_vector.h) may take
/// together without raising the peak: no more than the largest stage of a block needs.
double array_bytes(const ModelConfig& config, const LayerPlan& plan, std::size_t tokens,
                   std::size_t window);
/// Rows of a block's arrays in a forward and backward pass, for one chunk of tokens.
double backward_chunk_bytes(const ModelConfig& config);
/// A strip of the output layer and its logits in such a pass.
double head_strip_bytes(const ModelConfig& config);
/// The program with its kernels' workspace, pieces and merges of the tokenizer: part of every peak.
double process_bytes(const ModelConfig& config);
/// Peak of anonymous resident memory of a run; `tokens` = 0 for one without forward pass.
double expected_peak_bytes(const ModelConfig& config, const LayerPlan& plan, std::size_t tokens,
                           std::size_t window);
/// Work folder (one byte per code, two generations of hidden states, scratch) and results.
double expected_disk_bytes(const WeightSource& source, const LayerPlan& plan,
                           const QuantizeOptions& options, std::size_t tokens);

}  // namespace libquant
