#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "libquant/stats/interval.h"

namespace libquant {

/// Approximate randomization test of a paired mean difference (Noreen 1989): each pair is swapped
/// with probability 1/2 in `shuffles` rounds; p = (1 + rounds at least as extreme) / (1 +
/// shuffles). `a` and `b` have equal length; the same seed gives the same p.
double approximate_randomization(std::span<const double> a, std::span<const double> b,
                                 std::size_t shuffles, std::uint64_t seed);

/// Statistic of a resample: called with the multiplicity of every item (0, 1, 2, ...), in the
/// items' order. NaN (a resample for which it is undefined) is left out.
using WeightedStatistic = std::function<double(std::span<const std::uint32_t> weights)>;

struct BootstrapResult {
  double estimate = 0;  ///< with every weight one
  Interval interval;    ///< percentile interval
  std::size_t clusters = 0;
  std::size_t undefined = 0;  ///< resamples that were left out
};

/// Percentile bootstrap that resamples whole clusters (templates) with replacement: items of one
/// template are not independent. `cluster_of[i]` is any label; equal labels are one cluster.
/// Deterministic for a seed. Throws InvalidArgument when there are no items, or the statistic is
/// undefined in more than half of the resamples.
BootstrapResult cluster_bootstrap(std::span<const std::uint32_t> cluster_of,
                                  const WeightedStatistic& statistic, std::size_t resamples,
                                  double level, std::uint64_t seed);

/// The same for a ratio of sums over items, sum(top) / sum(bottom): needs the clusters' sums alone,
/// so that a resample costs as much as there are clusters. Draws the clusters that the general form
/// draws. NaN, with a NaN interval, where sum(bottom) is not positive or is so in more than half of
/// the resamples; with fewer than two clusters the interval is NaN, since nothing can vary.
BootstrapResult cluster_bootstrap_ratio(std::span<const double> top, std::span<const double> bottom,
                                        std::span<const std::uint32_t> cluster_of,
                                        std::size_t resamples, double level, std::uint64_t seed);

/// Weighted mean of `values`, for use as a statistic; NaN when all weights are zero.
double weighted_mean(std::span<const double> values, std::span<const std::uint32_t> weights);

}  // namespace libquant
