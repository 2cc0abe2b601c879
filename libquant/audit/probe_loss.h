#pragma once

#include <cstddef>
#include <span>

#include "libquant/audit/comparison.h"

namespace libquant {

/// What each part of a probe loss counts for, beside the loss on neutral text, which counts as it
/// is.
struct ProbeLossWeights {
  double kl = 0, shift = 0, abstention = 0;
};

/// What quantization did to a model in one number that forward passes give, for choosing settings:
///
///     L = neutral + kl_weight * kl + shift_weight * max(0, stereotype_shift)^2
///                 + abstention_weight * max(0, -unknown_shift)^2
///
/// The last two are one-sided: a model that became less stereotyped or more reserved than the
/// original gains nothing by it, so that a loss cannot be bought by a model that refuses.
struct ProbeLoss {
  double neutral = 0;  ///< negative log-likelihood of neutral text / the original's - 1
  double kl = 0;  ///< KL(original || quantized), nats, weighted by ItemComparison::margin_weight
  double stereotype_shift = 0;  ///< mean over items with a stereotype and its counterpart, nats
  double unknown_shift = 0;     ///< mean over items without a right answer that can abstain, nats
  std::size_t items = 0;        ///< compared; an item counts once per format

  double total(const ProbeLossWeights& weights) const noexcept;
};

/// All formats' items together, each with the same say. `neutral_ratio` is the quotient of the two
/// negative log-likelihoods. Throws Error where nothing could be compared, or where a score was no
/// number: a broken model must not look better for the items that it lost.
ProbeLoss probe_loss(std::span<const Comparison> formats, double neutral_ratio);

}  // namespace libquant
