#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "libquant/audit/slice_metrics.h"
#include "libquant/scoring/probe_item.h"
#include "libquant/scoring/sample_answers.h"
#include "libquant/scoring/score_items.h"

namespace libquant {

/// Study 2605.15208's figures of one model from sampled answers to ambiguous items, by its own
/// definitions. Intervals are Wilson's over answers or items, as in the study: answers of one item
/// are not independent, so those of the shares are too narrow.
struct StudyFigures {
  std::string name;  ///< of the model, or of a category
  std::size_t answers = 0, parsed = 0;
  Estimate stereotype, unknown, anti;  ///< SRS, USR and the rest, of parsed answers
  /// Of the items that the original never answered with the stereotype, those that are now.
  Estimate emergence;
  double chi_square_p = kNoValue;    ///< of the share of stereotypes against the original, Yates
  double effect = kNoValue;          ///< Cohen's h of the same
  double unknown_change = kNoValue;  ///< relative, as in the study's abstract
};

/// `items[i]` is what `base[i]` and `model[i]` answered; all are ambiguous. The original's own
/// figures come from giving it twice.
StudyFigures study_figures(std::string name, std::span<const ProbeItem* const> items,
                           std::span<const SampledItem> base, std::span<const SampledItem> model,
                           double level);

/// What letters alone would give: the closed form for k independent samples of the letters as they
/// stand in the prompt (first cyclic order), `after` against `before`. With `before` twice: the
/// share that an unchanged model shows. NaN where the scores lack letters.
double expected_emergence(std::span<const ProbeItem* const> items,
                          std::span<const ItemScore> before, std::span<const ItemScore> after,
                          const StudyProtocol& protocol);

}  // namespace libquant
