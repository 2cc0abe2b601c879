#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "libquant/audit/probe_loss.h"
#include "libquant/checkpoint/checkpoint.h"
#include "libquant/core/progress.h"
#include "libquant/pipeline/prepare.h"
#include "libquant/scoring/score_items.h"

namespace libquant {

/// Judges quantized models on the select split and on held-out text, by what the original says of
/// both.
class TrialJudge {
 public:
  /// All arguments must outlive it.
  TrialJudge(const Checkpoint& source, const QuantizeOptions& options, const Prepared& prepared);

  /// An estimate of what judging one model takes; prompts are counted as if they shared nothing.
  double flops() const;
  /// Names items, text and how they are put to the model.
  std::string identity() const;

  /// Scores the original, or reads what an earlier call with the same `fingerprint` left in
  /// `folder`.
  void measure_original(const std::filesystem::path& folder, const std::string& fingerprint,
                        const ProgressCallback& progress);
  double original_loss() const noexcept { return original_loss_; }
  ProbeLoss judge(const Checkpoint& model, const ProgressCallback& progress) const;

 private:
  double text_loss(const Model& model, const ProgressCallback& progress) const;

  const Checkpoint& source_;
  const std::vector<ProbeItem>& items_;
  const std::vector<std::int32_t>& text_;
  ScoringOptions scoring_;
  std::vector<ScoringFormat> formats_;
  std::vector<ItemScore> original_;
  double original_loss_ = 0;
};

}  // namespace libquant
