#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "libquant/core/progress.h"
#include "libquant/fairness/moments.h"
#include "libquant/fairness/options.h"
#include "libquant/fairness/pair_rows.h"
#include "libquant/fairness/probe_trees.h"

namespace libquant {

/// What the statistics rest on.
struct ProbeMomentsSummary {
  std::size_t items = 0;          ///< of the sample
  std::size_t distributions = 0;  ///< softmaxes over options (sensitivity)
  std::size_t rows = 0;           ///< tokens that went through the model
  std::size_t pairs = 0;          ///< aligned tokens (pair_differences)
};

/// H_D of every linear layer of the original model, block by block, by the statistic that the
/// options name: one forward pass, and for sensitivities one backward pass.
class ProbeMoments {
 public:
  /// `items` are those to be used (split, sampled, shuffled); `text` are windows of calibration
  /// text, for the neutral statistic. `source` must outlive it.
  ProbeMoments(const WeightSource& source, const Tokenizer& tokenizer,
               std::span<const ProbeItem> items, std::span<const std::int32_t> text,
               std::size_t window, const FairnessOptions& options);

  const ProbeMomentsSummary& summary() const noexcept { return summary_; }
  /// Rows of hidden states of one layer; `run` needs room for layers + 1 times as many.
  std::size_t rows() const noexcept { return summary_.rows; }

  /// `on_block` gets every block's moments once, in rising or falling order; they end with the
  /// call.
  void run(MatrixView room, const std::function<void(std::size_t, const BlockMoments&)>& on_block,
           const ProgressCallback& progress = {});

 private:
  using OnBlock = std::function<void(std::size_t, const BlockMoments&)>;
  void run_sensitivity(MatrixView room, const OnBlock& on_block, const ProgressCallback& progress);
  void run_plain(MatrixView room, const OnBlock& on_block, const ProgressCallback& progress);
  void add_differences(BlockMoments& moments, const PassRows& rows) const;

  const WeightSource& source_;
  FairnessOptions options_;
  ProbeTrees probes_;
  std::vector<RowPair> pairs_;
  ProbeMomentsSummary summary_;
};

}  // namespace libquant
