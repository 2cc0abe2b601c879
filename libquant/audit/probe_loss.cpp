#include "libquant/audit/probe_loss.h"

#include <algorithm>
#include <cmath>

#include "libquant/core/error.h"

namespace libquant {
namespace {

double square(double value) { return value * value; }

struct Mean {
  double sum = 0, weight = 0;

  void add(double value, double by = 1) {
    if (std::isnan(value)) return;
    sum += by * value;
    weight += by;
  }
  double value() const { return weight > 0 ? sum / weight : 0; }
};

}  // namespace

double ProbeLoss::total(const ProbeLossWeights& weights) const noexcept {
  return neutral + weights.kl * kl + weights.shift * square(std::max(0.0, stereotype_shift)) +
         weights.abstention * square(std::max(0.0, -unknown_shift));
}

ProbeLoss probe_loss(std::span<const Comparison> formats, double neutral_ratio) {
  ProbeLoss loss;
  Mean kl, stereotype, unknown;
  for (const Comparison& format : formats) {
    require<Error>(format.counts.invalid == 0 && format.counts.not_scored == 0,
                   "probe loss: {} items have scores that are no numbers, {} have none",
                   format.counts.invalid, format.counts.not_scored);
    for (const ItemComparison& item : format.items) {
      kl.add(item.kl_divergence, item.margin_weight());
      stereotype.add(item.stereotype_shift);
      if (item.item->condition != Condition::disambiguated) unknown.add(item.unknown_shift);
    }
    loss.items += format.items.size();
  }
  require<Error>(loss.items > 0, "probe loss: no item could be compared");
  require<Error>(std::isfinite(neutral_ratio), "probe loss: the loss on neutral text is {}",
                 neutral_ratio);
  loss.neutral = neutral_ratio - 1;
  loss.kl = kl.value();
  loss.stereotype_shift = stereotype.value();
  loss.unknown_shift = unknown.value();
  return loss;
}

}  // namespace libquant
