#include "libquant/model/gradient_pass.h"

#include <algorithm>

#include "kernels/elementwise.h"
#include "libquant/core/error.h"
#include "libquant/model/load.h"
#include "libquant/model/model.h"

namespace libquant {
namespace {

constexpr std::size_t kChunkRows = 1024;

std::size_t longest(std::span<const TokenTree> trees) {
  std::size_t most = 1;
  for (const TokenTree& tree : trees) {
    most = std::max(most, tree.trunk.size());
    for (const auto& branch : tree.branches)
      most = std::max(most, tree.trunk.size() + branch.size());
  }
  return most;
}

void copy_rows(ConstMatrixView from, MatrixView to) {
  for (std::size_t r = 0; r < from.rows; ++r) std::ranges::copy(from.row(r), to.row(r).begin());
}

}  // namespace

TreeRows TokenTree::rows() const {
  TreeRows shape{trunk.size(), {}};
  for (const auto& branch : branches) shape.branches.push_back(branch.size());
  return shape;
}

std::size_t GradientPass::count_rows(std::span<const TokenTree> trees) {
  std::size_t rows = 0;
  for (const TokenTree& tree : trees) rows += tree.rows().rows();
  return rows;
}

GradientPass::GradientPass(const WeightSource& source, std::span<const TokenTree> trees,
                           std::span<const ScoredToken> scored, MatrixView inputs)
    : source_(source),
      config_(source.config()),
      trees_(trees),
      scored_(scored),
      inputs_(inputs),
      rows_(count_rows(trees)),
      rope_(config_, std::min(longest(trees), config_.max_positions)),
      gradients_(config_, rope_),
      head_(source),
      final_norm_(load_vector(source, "model.norm.weight", config_.hidden_size)) {
  check();
  for (const TokenTree& tree : trees) shapes_.push_back(tree.rows());
  for (const ScoredToken& token : scored) targets_.push_back(token.token);
}

void GradientPass::check() const {
  require(!trees_.empty(), "gradient pass over no sequences");
  require(inputs_.rows == (config_.layers + 1) * rows_ && inputs_.cols == config_.hidden_size &&
              inputs_.stride == inputs_.cols,
          "gradient pass: room for {} x {} states, expected {} x {}", inputs_.rows, inputs_.cols,
          (config_.layers + 1) * rows_, config_.hidden_size);
  const std::size_t most = longest_sequence(config_);
  for (const TokenTree& tree : trees_) {
    require(!tree.trunk.empty(), "gradient pass: a tree without a trunk");
    for (std::size_t b = 0; b <= tree.branches.size(); ++b) {
      const std::size_t length =
          tree.trunk.size() + (b == tree.branches.size() ? 0 : tree.branches[b].size());
      require(length <= most, "gradient pass: a sequence of {} tokens, the model takes {}", length,
              most);
      require(rope_.same_frequencies(tree.trunk.size(), length),
              "gradient pass: a branch of a trunk of {} tokens ends at {}, where the rotary "
              "embedding is another",
              tree.trunk.size(), length);
    }
  }
  for (const ScoredToken& token : scored_) {
    require(token.row < rows_, "gradient pass: row {} of {} is to be scored", token.row, rows_);
    require(token.token >= 0 && static_cast<std::size_t>(token.token) < config_.vocabulary_size,
            "token {} is outside the vocabulary of {}", token.token, config_.vocabulary_size);
  }
}

void GradientPass::for_chunks(const std::function<void(const Chunk&)>& body) const {
  std::size_t row = 0;
  for (std::size_t begin = 0; begin < shapes_.size();) {
    std::size_t end = begin, rows = 0;
    while (end < shapes_.size() && (end == begin || rows + shapes_[end].rows() <= kChunkRows))
      rows += shapes_[end++].rows();
    body({row, rows, std::span(shapes_).subspan(begin, end - begin)});
    row += rows;
    begin = end;
  }
}

void GradientPass::report(const ProgressCallback& progress, const char* what,
                          std::size_t done) const {
  const Progress step{what, static_cast<double>(done), static_cast<double>(config_.layers)};
  if (progress && !progress(step)) fail<Interrupted>("stopped during a {}", what);
}

std::vector<double> GradientPass::forward(const ProgressCallback& progress,
                                          const PassVisitor& visit,
                                          const std::function<void(std::size_t)>& on_block) {
  std::size_t row = 0;
  const auto place = [&](const std::vector<std::int32_t>& tokens) {
    if (tokens.empty()) return;
    copy_rows(embed_tokens(source_, tokens), input(0).row_range(row, tokens.size()));
    row += tokens.size();
  };
  for (const TokenTree& tree : trees_) {
    place(tree.trunk);
    for (const auto& branch : tree.branches) place(branch);
  }
  for (std::size_t layer = 0; layer < config_.layers; ++layer) {
    report(progress, "forward pass over probes", layer);
    const BlockWeights block = load_block(source_, layer);
    for_chunks([&](const Chunk& chunk) {
      const MatrixView out = input(layer + 1).row_range(chunk.first_row, chunk.rows);
      copy_rows(input(layer).row_range(chunk.first_row, chunk.rows), out);
      LinearVisitor see;
      if (visit) see = [&](const LinearRows& rows) { visit({layer, chunk.first_row, rows}); };
      gradients_.forward(block, chunk.trees, layer, out, see);
    });
    if (on_block) on_block(layer);
  }
  return scored_.empty() ? std::vector<double>()
                         : head_.log_probabilities(scored_states(), targets_);
}

// Normalized last hidden states of the scored rows.
Matrix GradientPass::scored_states() const {
  Matrix states(scored_.size(), config_.hidden_size);
  for (std::size_t i = 0; i < scored_.size(); ++i)
    std::ranges::copy(input(config_.layers).row(scored_[i].row), states.row(i).begin());
  kernels::rms_norm_f32(states.rows(), states.cols(), states.data(), final_norm_.data(),
                        static_cast<float>(config_.rms_epsilon), states.data());
  return states;
}

Matrix GradientPass::final_states(std::size_t first, std::size_t count) const {
  require(first <= rows_ && count <= rows_ - first, "states of rows {} to {} of {}", first,
          first + count, rows_);
  Matrix states(count, config_.hidden_size);
  kernels::rms_norm_f32(count, states.cols(), input(config_.layers).row(first).data(),
                        final_norm_.data(), static_cast<float>(config_.rms_epsilon), states.data());
  return states;
}

void GradientPass::add_final_gradient(std::size_t first, ConstMatrixView of_states,
                                      MatrixView gradient) const {
  add_rms_norm_backward(input(config_.layers).row_range(first, of_states.rows), final_norm_,
                        config_.rms_epsilon, of_states, gradient.row_range(first, of_states.rows));
}

Matrix GradientPass::output_gradient(std::span<const double> coefficients) const {
  if (scored_.empty()) return {rows_, config_.hidden_size};
  const Matrix of_states = head_.gradient(scored_states(), targets_, coefficients);
  Matrix gradient(rows_, config_.hidden_size);
  for (std::size_t i = 0; i < scored_.size(); ++i)
    add_final_gradient(scored_[i].row, of_states.view().row_range(i, 1), gradient);
  return gradient;
}

void GradientPass::backward(std::span<const double> coefficients, const PassVisitor& visit,
                            const std::function<void(std::size_t)>& on_block,
                            const ProgressCallback& progress) {
  backward_from(output_gradient(coefficients), visit, on_block, progress);
}

void GradientPass::backward_from(Matrix gradient, const PassVisitor& visit,
                                 const std::function<void(std::size_t)>& on_block,
                                 const ProgressCallback& progress) {
  require(gradient.rows() == rows_ && gradient.cols() == config_.hidden_size,
          "gradient of {} x {} states, expected {} x {}", gradient.rows(), gradient.cols(), rows_,
          config_.hidden_size);
  for (std::size_t done = 0; done < config_.layers; ++done) {
    const std::size_t layer = config_.layers - 1 - done;
    report(progress, "backward pass over probes", done);
    const BlockWeights block = load_block(source_, layer);
    for_chunks([&](const Chunk& chunk) {
      gradients_.backward(
          block, chunk.trees, layer, input(layer).row_range(chunk.first_row, chunk.rows),
          gradient.view().row_range(chunk.first_row, chunk.rows), [&](const LinearRows& rows) {
            visit({layer, chunk.first_row, rows});
          });
    });
    on_block(layer);
  }
}

}  // namespace libquant
