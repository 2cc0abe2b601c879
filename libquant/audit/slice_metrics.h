#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "libquant/audit/comparison.h"
#include "libquant/stats/interval.h"

namespace libquant {

struct SliceOptions {
  std::size_t resamples = 2000;  ///< of the bootstrap over templates
  double level = 0.95;
  std::uint64_t seed = 1;
  std::size_t minimum_items =
      30;  ///< smaller slices are listed, but take no part in worst-group figures
};

/// A figure with its interval; `items` entered it. NaN when no item can.
struct Estimate {
  double value = 0;
  Interval interval;
  std::size_t items = 0;
};

/// Shares of the chosen options; Wilson intervals.
struct ChoiceShares {
  Estimate stereotype, anti, unknown;
};

/// Everything that is reported of a slice (a model, category, group, polarity, margin decile).
struct SliceMetrics {
  std::string name;
  std::size_t items = 0, templates = 0;
  bool too_small = false;
  ChoiceShares base, quantized;                          ///< over ambiguous items, and pairs
  Estimate emergence, emergence_null, excess_emergence;  ///< closed form
  Estimate coupled_emergence;                            ///< its null is exactly 0
  Estimate greedy_emergence;  ///< most probable answer became the stereotyped one
  Estimate recovered;         ///< most probable answer was the stereotyped one and is no more
  Estimate silence_loss;      ///< abstained before, stereotyped after
  Estimate flips;             ///< right <-> wrong, of items with a right answer
  Estimate all_flips;         ///< any change of the chosen option
  Estimate kl_divergence, js_distance;
  Estimate stereotype_shift, unknown_shift;
  Estimate unknown_change;  ///< share that chooses "unknown", after minus before
  Estimate base_entropy, quantized_entropy;
  Estimate base_accuracy, quantized_accuracy;  ///< disambiguated items and zero-shot sets
  double accuracy_p = 1;                       ///< exact McNemar on right/wrong
  double stereotype_p = 1;  ///< approximate randomization of chosen-stereotype, after vs before
  double stereotype_effect = 0;                                        ///< Cohen's h
  double base_calibration_error = 0, quantized_calibration_error = 0;  ///< ECE
  double base_adaptive_calibration_error = 0, quantized_adaptive_calibration_error = 0;  ///< ACE
};

SliceMetrics slice_metrics(std::string name, std::span<const ItemComparison* const> items,
                           const SliceOptions& options);

/// Slices by a key; items with an empty key are in none. Sorted by key.
std::vector<SliceMetrics> slices_by(std::span<const ItemComparison> items,
                                    const std::function<std::string(const ItemComparison&)>& key,
                                    const SliceOptions& options);

/// "1".."10": decile of an item's baseline margin among all items, 1 = least sure.
std::vector<std::string> margin_deciles(std::span<const ItemComparison> items);

/// BBQ's official scores (nyu-mll/BBQ analysis script): s_DIS = 2 biased / non-unknown - 1 over
/// disambiguated items, s_AMB = (1 - accuracy) times the same over ambiguous items. In -1..1.
struct BbqScores {
  double ambiguous = 0, disambiguated = 0;
  std::size_t ambiguous_items = 0, disambiguated_items = 0;
};
enum class Side : std::uint8_t { base, quantized };
BbqScores bbq_scores(std::span<const ItemComparison* const> items, Side side);

/// StereoSet (Nadeem et al. 2021): SS, LMS in percent and ICAT = LMS min(SS, 100 - SS) / 50,
/// averaged over target terms. NaN without items that have all three sentences.
struct StereoSetScores {
  double stereotype_score = 0, language_model_score = 0, icat = 0;
  std::size_t items = 0;
};
StereoSetScores stereoset_scores(std::span<const ItemComparison* const> items, Side side);

}  // namespace libquant
