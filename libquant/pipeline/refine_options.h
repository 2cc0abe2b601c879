#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "libquant/io/json.h"

namespace libquant {

/// Scale refinement: when all blocks are rounded, gradient steps (Adam, Kingma & Ba 2015) on one
/// factor for the scales (and minimums of ZeroKind::minimum) of each row of all quantized layers
/// together, with codes and integer zeros as they are. What is minimised is
///
///     T / T0 + probe_weight * P / P0
///
/// with T the mean over tokens of calibration text of KL(original || quantized) of the next token,
/// P the mean over probe items of that of their options, and T0 and P0 what they are for the
/// rounded model on what is kept apart: each counts by what is left of it. The forward pass rounds
/// scales to their stored type, so every format still holds the result; bf16 holds steps of 0.4 to
/// 0.8 % only, f16 finer ones. Every eighth window of the calibration text and the probes' `select`
/// split are kept apart; the parameters with the least loss there are the result, the rounded
/// model's own included.
struct RefineOptions {
  std::size_t steps = 0;  ///< at most; 0: off
  /// Relative change of a row's scales that one step makes at most; it rises over the first tenth
  /// of the steps and falls to zero as a cosine.
  double learning_rate = 1e-3;
  double probe_weight = 0.5;      ///< no effect without both
  std::size_t windows = 16;       ///< of calibration text in a step
  std::size_t items = 48;         ///< probe items in a step
  std::size_t select_items = 64;  ///< of the select split, evenly over sets and templates; 0 = all
  std::size_t interval = 10;      ///< steps between two looks at what is kept apart
  std::size_t patience = 3;       ///< looks without a new best before it stops
  std::uint64_t seed = 1;         ///< of the order in which text and items are seen

  bool enabled() const noexcept { return steps > 0; }
};

/// Throws InvalidArgument naming the option that is out of range.
void check_refine(const RefineOptions& options);

/// What a refinement did.
struct RefineReport {
  struct Losses {
    std::size_t step;     ///< steps taken before
    double text, probes;  ///< as DistillationLoss
  };
  std::vector<Losses> batches;  ///< of every step's batch
  std::vector<Losses> looks;    ///< at what is kept apart
  std::size_t best_step = 0;    ///< the result's; 0: the rounded model
  bool stopped_early = false;
  std::size_t parameters = 0;
  std::size_t items = 0, windows = 0;                ///< steps draw from
  std::size_t select_items = 0, select_windows = 0;  ///< kept apart
  double seconds = 0;
};

Json to_json(const RefineReport& report);
RefineReport refine_report_from_json(const Json& json);

}  // namespace libquant
