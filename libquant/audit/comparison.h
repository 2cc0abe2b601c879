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
  double stereotype_shift =
      0;  ///< change of log p(stereotype) - log p(anti): > 0 is toward the stereotype
  double unknown_shift =
      0;  ///< change of log p(unknown) - log(p(stereotype) + p(anti)): < 0 is less abstention
  EmergenceTerms emergence,
      coupled;  ///< all NaN unless the item is ambiguous with a stereotyped option

  OptionRole base_role() const { return item->options[base_choice].role; }
  OptionRole quantized_role() const { return item->options[quantized_choice].role; }
  bool has_role(OptionRole role) const;
};

/// Why items did not enter a comparison.
struct ComparisonCounts {
  std::size_t compared = 0;
  std::size_t not_scored = 0;  ///< missing in one of the two score files, or without this format
  std::size_t invalid = 0;     ///< a score that is no positive finite probability
};

struct Comparison {
  ScoringFormat format = ScoringFormat::answer_per_token;
  std::vector<ItemComparison> items;  ///< in the order of `items`
  ComparisonCounts counts;
};

/// Joins items with the scores of both models by id. `items` must outlive the result. Throws
/// InvalidArgument for duplicate ids, or scores whose number of options is not the item's.
Comparison compare_scores(std::span<const ProbeItem> items, std::span<const ItemScore> base,
                          std::span<const ItemScore> quantized, ScoringFormat format,
                          const EmergenceOptions& emergence);

}  // namespace libquant
