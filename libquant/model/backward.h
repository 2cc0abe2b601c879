#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "libquant/core/matrix.h"
#include "libquant/model/block.h"
#include "libquant/model/rope.h"
#include "libquant/model/tree_attention.h"

namespace libquant {

/// A linear layer of one block over some rows: y = x W^T (+ bias).
struct LinearRows {
  LinearRole role;
  ConstMatrixView x;         ///< [rows x inputs]
  ConstMatrixView gradient;  ///< dL/dy [rows x outputs]; empty in a forward pass
};
using LinearVisitor = std::function<void(const LinearRows&)>;

/// A block over trees of sequences, forward and backward. Weights are constants: what is of
/// interest is the gradient of a scalar L with respect to the output of every linear layer. Nothing
/// is kept from the forward pass but the block's input, so memory is bounded by the rows of a call.
/// Keeps references to `config` and `rope`. Sizes are the caller's to get right.
class BlockGradients {
 public:
  BlockGradients(const ModelConfig& config, const RopeTable& rope)
      : config_(config), rope_(rope), stages_(config, rope) {}

  /// hidden [rows of all trees x hidden] moves behind block `layer`. `visit`, if any, sees every
  /// linear layer once.
  void forward(const BlockWeights& block, std::span<const TreeRows> trees, std::size_t layer,
               MatrixView hidden, const LinearVisitor& visit = {}) const;

  /// `hidden` is the block's input; `gradient` is dL/d(output) before and dL/d(input) after.
  /// `visit` sees every linear layer once.
  void backward(const BlockWeights& block, std::span<const TreeRows> trees, std::size_t layer,
                ConstMatrixView hidden, MatrixView gradient, const LinearVisitor& visit) const;

 private:
  struct Attention;
  AttentionConstants constants(std::size_t layer) const;
  Attention attend(const BlockWeights& block, std::span<const TreeRows> trees, std::size_t layer,
                   Matrix x) const;
  void rotate(std::span<const TreeRows> trees, std::size_t heads, bool back, MatrixView x) const;
  void attention_backward(const BlockWeights& block, std::span<const TreeRows> trees,
                          std::size_t layer, const Attention& forward, ConstMatrixView hidden,
                          MatrixView gradient, const LinearVisitor& visit) const;
  void mlp_backward(const BlockWeights& block, ConstMatrixView middle, MatrixView gradient,
                    const LinearVisitor& visit) const;

  const ModelConfig& config_;
  const RopeTable& rope_;
  BlockStages stages_;
};

/// gradient += dL/dW = dY^T X over the rows; an empty one becomes [outputs x inputs] first.
void add_weight_gradient(const LinearRows& linear, Matrix& gradient);

/// dx += gradient of an RMS norm y = x * weight / sqrt(mean(x^2) + epsilon) for dL/dy = dy, row by
/// row; dx may not be dy. Rows are `weight.size()` wide and contiguous.
void add_rms_norm_backward(ConstMatrixView x, std::span<const float> weight, double epsilon,
                           ConstMatrixView dy, MatrixView dx);

}  // namespace libquant
