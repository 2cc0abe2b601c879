#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "libquant/core/matrix.h"

namespace libquant {

/// How the rows of one tree of sequences lie after one another: the trunk's tokens, then those of
/// each branch. Every branch continues the trunk and sees nothing of the other branches, so that
/// what a prompt and its answers share is computed once. A tree without branches is one sequence.
struct TreeRows {
  std::size_t trunk = 0;              ///< at least 1
  std::vector<std::size_t> branches;  ///< may hold zeros

  std::size_t rows() const noexcept;
};

/// Constants of one layer's attention.
struct AttentionConstants {
  std::size_t heads, kv_heads, head_dim;
  std::size_t window;  ///< 0 = all earlier keys
  float scale;
};

/// Causal grouped-query attention of trees after one another. q, context: [rows x heads*head_dim];
/// k, v: [rows x kv_heads*head_dim], after the rotary embedding.
void tree_attention(std::span<const TreeRows> trees, const AttentionConstants& constants,
                    ConstMatrixView q, ConstMatrixView k, ConstMatrixView v, MatrixView context);

/// Rows of one tree, and where its gradients go.
struct TreeGradients {
  ConstMatrixView q, k, v;
  ConstMatrixView context;  ///< gradient with respect to the context
  MatrixView dq, dk, dv;    ///< overwritten
};

/// Gradients of `tree_attention` of several trees. Probabilities are computed again, for 64 queries
/// at a time. Threads over trees and key heads; the same bytes at any number of threads.
void tree_attention_backward(std::span<const TreeRows> trees, const AttentionConstants& constants,
                             std::span<const TreeGradients> rows);

}  // namespace libquant
