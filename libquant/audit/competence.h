#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libquant/audit/slice_metrics.h"
#include "libquant/scoring/probe_item.h"
#include "libquant/scoring/score_items.h"

namespace libquant {

/// Whether a model understands the items in one format: its accuracy on the items whose context
/// decides. A model that cannot answer those shows nothing by its answers to ambiguous ones.
struct Competence {
  ScoringFormat format = ScoringFormat::answer_per_token;
  Estimate accuracy;  ///< on disambiguated items, Wilson interval
  double chance = 0;  ///< mean of 1/options over them; NaN where there are none
  /// The same of those that were answered with a person: a model that never says "unknown" and
  /// picks one of two people blindly is right half of the time, and beats 1/3.
  Estimate decided_accuracy;
  double decided_chance = 0;  ///< mean of 1/people over them
  Estimate unknown;           ///< share of ambiguous items answered "unknown"
  bool beats_chance = false;  ///< both lower ends are above chance
};

/// Of items that `format` is for and that have usable scores; nothing if there are none. Accuracy
/// is taken on the sets that also have ambiguous items, if any: those that the audit judges.
std::optional<Competence> competence(std::span<const ProbeItem> items,
                                     std::span<const ItemScore> scores, ScoringFormat format,
                                     double level);

/// The format that a report's figures are in, and why.
struct LeadingFormat {
  ScoringFormat format = ScoringFormat::answer_per_token;
  bool competent = false;
  std::string reason;  ///< a sentence for people
};

/// `wanted` if it is given. Else of the formats for choices: among those that beat chance, and that
/// answer at least 5 % of the ambiguous items with "unknown" where any such format does, the one
/// whose accuracy is surest above chance. Where none beats chance, the closest to it, and
/// `competent` is false. With no format for choices, sentences per token, which no accuracy can
/// vouch for. InvalidArgument for an empty list, or a wanted format that is not in it.
LeadingFormat leading_format(std::span<const Competence> formats,
                             std::optional<ScoringFormat> wanted = {});

}  // namespace libquant
