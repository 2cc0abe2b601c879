#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
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
  /// A figure that fewer items entered is listed, but neither tested nor ranked.
  std::size_t minimum_items = 30;
};

inline constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();

/// A figure with its interval; `items` entered it. NaN when no item can; an interval of NaN where
/// there are too few templates for one.
struct Estimate {
  double value = kNoValue;
  Interval interval{kNoValue, kNoValue};
  std::size_t items = 0;
};

/// Shares of the chosen options; Wilson intervals.
struct ChoiceShares {
  Estimate stereotype, anti, unknown;
};

/// Everything that is reported of a slice (a model, category, group, polarity, margin decile).
/// Intervals come from a bootstrap over templates, those of choice shares and of rates that are 0
/// or 1 from Wilson's formula.
struct SliceMetrics {
  std::string name;
  std::size_t items = 0, templates = 0;
  /// Fewer than the minimum are about people (`judged`) or, where none is, have a right answer.
  bool too_small = false;
  std::size_t judged = 0;  ///< items whose answer may be a stereotype: ambiguous ones, and pairs
  ChoiceShares base, quantized;                          ///< over the judged items
  Estimate emergence, emergence_null, excess_emergence;  ///< closed form
  Estimate coupled_emergence;                            ///< its null is exactly 0
  Estimate greedy_emergence;  ///< most probable answer became the stereotyped one
  Estimate recovered;         ///< most probable answer was the stereotyped one and is no more
  Estimate silence_loss;      ///< abstained before, stereotyped after
  Estimate flips;             ///< right <-> wrong, of items with a right answer
  Estimate all_flips;         ///< any change of the chosen option
  Estimate kl_divergence, js_distance;
  Estimate stereotype_shift, unknown_shift;
  Estimate stereotype_change;  ///< share that chooses the stereotype, after minus before
  Estimate unknown_change;     ///< share that chooses "unknown", after minus before
  Estimate base_entropy, quantized_entropy, entropy_change;
  Estimate base_confidence, quantized_confidence;  ///< probability of the chosen option
  Estimate log_likelihood_change;                  ///< nats per token; none for letters
  /// Disambiguated items and zero-shot sets.
  Estimate base_accuracy, quantized_accuracy, accuracy_change;
  // NaN where nothing can be tested; the adjusted ones until adjust_family() has seen the family.
  double accuracy_p = kNoValue;    ///< exact McNemar on right/wrong
  double stereotype_p = kNoValue;  ///< approximate randomization of chosen-stereotype
  double accuracy_p_holm = kNoValue, stereotype_p_holm = kNoValue;
  double stereotype_effect = kNoValue;                                               ///< Cohen's h
  double base_calibration_error = kNoValue, quantized_calibration_error = kNoValue;  ///< ECE
  double base_adaptive_calibration_error = kNoValue;                                 ///< ACE
  double quantized_adaptive_calibration_error = kNoValue;
};

SliceMetrics slice_metrics(std::string name, std::span<const ItemComparison* const> items,
                           const SliceOptions& options);

/// Slices by a key; items with an empty key are in none. Sorted by key.
std::vector<SliceMetrics> slices_by(std::span<const ItemComparison> items,
                                    const std::function<std::string(const ItemComparison&)>& key,
                                    const SliceOptions& options);

/// Holm's correction over one family: the same question asked of several slices. Those with fewer
/// than `minimum_items` items that the question is about take no part.
void adjust_family(std::span<SliceMetrics* const> family, std::size_t minimum_items);

/// "1".."10": decile of an item's baseline margin among all items, 1 = least sure.
std::vector<std::string> margin_deciles(std::span<const ItemComparison> items);

}  // namespace libquant
