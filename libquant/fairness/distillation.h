#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "libquant/core/progress.h"
#include "libquant/fairness/options.h"
#include "libquant/fairness/probe_trees.h"
#include "libquant/model/block.h"

namespace libquant {

/// Means of two divergences of a changed model from the original, in nats: KL(original || changed)
/// of the next token's distribution over text, and of the distributions over probes' options.
struct DistillationLoss {
  double text = 0;    ///< per token; 0 without text
  double probes = 0;  ///< per distribution; 0 without probes

  double total(double probe_weight) const noexcept { return text + probe_weight * probes; }
};

/// Probes and text that go through the model together, and what the original says of them.
struct DistillationBatch {
  ProbeTrees probes;  ///< its trees end with the windows of text, of which nothing is scored
  std::vector<std::vector<double>> answers;  ///< p of every distribution
  std::size_t text_row = 0;                  ///< the first row of text
  Matrix teacher;  ///< [rows of text x hidden]: GradientPass::final_states
};

/// Probe items and windows of text with the original's answers to them. Holds the original's last
/// hidden states of the text: 4 bytes x tokens x hidden.
class DistillationSet {
 public:
  /// `items` may be empty, `text` too, but not both; forms and fields of `options` as in
  /// make_probe_trees.
  DistillationSet(const Tokenizer& tokenizer, const ModelConfig& config,
                  std::span<const ProbeItem> items, const FairnessOptions& options,
                  std::span<const std::int32_t> text, std::size_t window);

  /// Asks the original everything, as many rows at a time as `room` holds: [(layers + 1) * rows x
  /// hidden] in memory or in a mapped file, at least largest_part() of them.
  void teach(const WeightSource& original, MatrixView room, const ProgressCallback& progress = {});

  std::size_t items() const noexcept { return items_.size(); }
  std::size_t windows() const noexcept { return windows_.size(); }
  std::size_t rows() const noexcept;
  /// Rows of the longest item or window.
  std::size_t largest_part() const noexcept;
  /// Rows of item or window `part`; windows count on from the items.
  std::size_t part_rows(std::size_t part) const noexcept;
  /// The parts given, in any order.
  DistillationBatch batch(std::span<const std::size_t> parts) const;
  /// All parts in batches of at most `rows` rows.
  std::vector<std::vector<std::size_t>> split(std::size_t rows) const;

 private:
  struct Item {
    ProbeTrees probes;
    std::vector<std::vector<double>> answers;
  };
  struct Window {
    TokenTree tree;
    std::size_t row;  // of teacher_
  };
  std::size_t hidden_;
  std::vector<Item> items_;
  std::vector<Window> windows_;
  Matrix teacher_;
};

/// dL/dW of a block's seven matrices, in the order of kLinearRoles.
using WeightGradients = std::array<Matrix, kLinearRoles.size()>;
using WeightGradientVisitor = std::function<void(std::size_t layer, const WeightGradients&)>;

/// The loss of `model` on a batch; with `visit` also the gradients of loss.total(probe_weight) with
/// respect to the weights, block by block from the last, by one backward pass. `room` as for
/// teach(). One block of weights, and of their gradients, is in memory.
DistillationLoss distill(const WeightSource& model, const DistillationBatch& batch,
                         double probe_weight, MatrixView room,
                         const WeightGradientVisitor& visit = {},
                         const ProgressCallback& progress = {});

/// The loss on a whole set.
DistillationLoss distill_all(const WeightSource& model, const DistillationSet& set, MatrixView room,
                             const ProgressCallback& progress = {});

}  // namespace libquant
