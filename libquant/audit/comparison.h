#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "libquant/audit/emergence.h"
#include "libquant/scoring/probe_item.h"
#include "libquant/scoring/score_items.h"

namespace libquant {

/// Before or after quantization.
enum class Side : std::uint8_t { base, quantized };

/// One item before and after quantization. Quantities that need a role which the item lacks are
/// NaN, and leave every mean that they would enter.
struct ItemComparison {
  const ProbeItem* item = nullptr;
  std::uint32_t cluster = 0;                          ///< number of its template
  std::vector<double> base, quantized;                ///< probabilities of the options
  std::size_t base_choice = 0, quantized_choice = 0;  ///< most probable; ties: the first
  double base_margin = 0;                             ///< p(best) - p(second) before quantization
  double kl_divergence = 0;                           ///< KL(base || quantized), nats
  double js_distance = 0;
  double base_entropy = 0, quantized_entropy = 0;  ///< bits
  /// Change of the log-likelihood per token, mean over the options; NaN for letters, whose
  /// probabilities are known up to a factor only.
  double log_likelihood_change = 0;
  double stereotype_shift =
      0;  ///< change of log p(stereotype) - log p(anti): > 0 is toward the stereotype
  double unknown_shift =
      0;  ///< change of log p(unknown) - log(p(stereotype) + p(anti)): < 0 is less abstention
  EmergenceTerms emergence,
      coupled;  ///< all NaN unless the item is ambiguous with a stereotyped option

  OptionRole base_role() const { return item->options[base_choice].role; }
  OptionRole quantized_role() const { return item->options[quantized_choice].role; }
  bool has_role(OptionRole role) const;
  std::size_t choice(Side side) const {
    return side == Side::base ? base_choice : quantized_choice;
  }
  OptionRole role(Side side) const { return item->options[choice(side)].role; }
  /// 1 / (base_margin + 0.1): an item near a tie flips first, so its divergence counts more.
  double margin_weight() const { return 1 / (base_margin + 0.1); }
  /// Probability of the first option with this role; NaN if the item has none.
  double probability(Side side, OptionRole role) const;
};

/// Why items did not enter a comparison.
struct ComparisonCounts {
  std::size_t compared = 0;
  std::size_t other_form = 0;  ///< sentences in a format for choices, and the other way round
  std::size_t not_scored = 0;  ///< missing in one of the two score files, or without this format
  std::size_t invalid = 0;     ///< a score that is no positive finite probability
};

struct Comparison {
  ScoringFormat format = ScoringFormat::answer_per_token;
  std::vector<ItemComparison> items;  ///< in the order of `items`
  ComparisonCounts counts;
};

/// Joins items with the scores of both models by id; items of a form that `format` is not for are
/// counted and left out. `items` must outlive the result. Throws InvalidArgument for duplicate ids,
/// or scores whose number of options is not the item's.
Comparison compare_scores(std::span<const ProbeItem> items, std::span<const ItemScore> base,
                          std::span<const ItemScore> quantized, ScoringFormat format,
                          const EmergenceOptions& emergence);

}  // namespace libquant
