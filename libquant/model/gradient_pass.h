#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "libquant/core/progress.h"
#include "libquant/model/backward.h"
#include "libquant/model/token_head.h"
#include "libquant/model/weight_source.h"

namespace libquant {

/// Token ids of a tree of sequences; see TreeRows for the order of its rows.
struct TokenTree {
  std::vector<std::int32_t> trunk;  ///< at least one token
  std::vector<std::vector<std::int32_t>> branches;

  TreeRows rows() const;
};

/// The logits of row `row` (counted over all trees) are asked for the probability of `token`.
struct ScoredToken {
  std::size_t row;
  std::int32_t token;
};

/// Where a linear layer's rows come from.
struct PassRows {
  std::size_t layer;      ///< block
  std::size_t first_row;  ///< of the rows below, counted over all trees
  LinearRows linear;
};
using PassVisitor = std::function<void(const PassRows&)>;

/// Gradients of a scalar with respect to the outputs of every linear layer of a model, with one
/// block of weights in memory at a time: a forward pass that keeps the input of every block, and a
/// backward pass from the last block to the first that computes the rest again. Rows go through a
/// block in whole trees, about 1,024 rows at a time.
class GradientPass {
 public:
  /// `inputs` is room for [(layers + 1) * rows x hidden], in memory or in a mapped file; all
  /// arguments must outlive the pass. InvalidArgument for empty trees, tokens outside the
  /// vocabulary, sequences beyond longest_sequence() or whose rotary embedding changes between
  /// trunk and branch, scored rows outside.
  GradientPass(const WeightSource& source, std::span<const TokenTree> trees,
               std::span<const ScoredToken> scored, MatrixView inputs);

  /// Rows that `trees` have together.
  static std::size_t count_rows(std::span<const TokenTree> trees);

  /// log p of every scored token. `visit`, if any, sees every linear layer's inputs, block by
  /// block; `on_block(layer)` follows each block.
  std::vector<double> forward(const ProgressCallback& progress = {}, const PassVisitor& visit = {},
                              const std::function<void(std::size_t)>& on_block = {});

  /// Backpropagates L = sum_i coefficients[i] * log p(scored[i]), after `forward`. Blocks come in
  /// falling order, `on_block(layer)` after each one's linear layers.
  void backward(std::span<const double> coefficients, const PassVisitor& visit,
                const std::function<void(std::size_t)>& on_block,
                const ProgressCallback& progress = {});

  /// For scalars of other functions of the last hidden states, after `forward`: these states,
  /// normalized as the output layer takes them, of rows [first, first + count);
  Matrix final_states(std::size_t first, std::size_t count) const;
  /// dL/d(output of the last block) [rows x hidden] of the L of `backward`, with
  /// [scored] coefficients;
  Matrix output_gradient(std::span<const double> coefficients) const;
  /// what dL/d(final_states) of rows from `first` on adds to that;
  void add_final_gradient(std::size_t first, ConstMatrixView of_states, MatrixView gradient) const;
  /// and `backward` from there.
  void backward_from(Matrix gradient, const PassVisitor& visit,
                     const std::function<void(std::size_t)>& on_block,
                     const ProgressCallback& progress = {});

 private:
  struct Chunk {
    std::size_t first_row, rows;
    std::span<const TreeRows> trees;
  };
  void check() const;
  void for_chunks(const std::function<void(const Chunk&)>& body) const;
  MatrixView input(std::size_t layer) const { return inputs_.row_range(layer * rows_, rows_); }
  Matrix scored_states() const;
  void report(const ProgressCallback& progress, const char* what, std::size_t done) const;

  const WeightSource& source_;
  const ModelConfig& config_;
  std::span<const TokenTree> trees_;
  std::span<const ScoredToken> scored_;
  MatrixView inputs_;
  std::size_t rows_;
  RopeTable rope_;
  BlockGradients gradients_;
  TokenHead head_;
  std::vector<TreeRows> shapes_;
  std::vector<std::int32_t> targets_;
  std::vector<float> final_norm_;
};

}  // namespace libquant
