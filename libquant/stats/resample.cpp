#include "libquant/stats/resample.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/core/rng.h"

namespace libquant {
namespace {

// Linear interpolation between order statistics (Hyndman & Fan type 7, numpy's default).
double sorted_quantile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::vector<std::vector<std::size_t>> group_items(std::span<const std::uint32_t> cluster_of) {
  std::map<std::uint32_t, std::size_t> index;
  std::vector<std::vector<std::size_t>> clusters;
  for (std::size_t i = 0; i < cluster_of.size(); ++i) {
    const auto [entry, added] = index.emplace(cluster_of[i], clusters.size());
    if (added) clusters.emplace_back();
    clusters[entry->second].push_back(i);
  }
  return clusters;
}

// Percentiles of what the resamples gave.
Interval percentile_interval(std::vector<double>& values, double level) {
  std::sort(values.begin(), values.end());
  return {sorted_quantile(values, (1 - level) / 2), sorted_quantile(values, (1 + level) / 2)};
}

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

struct RatioSums {
  double top = 0, bottom = 0;
  RatioSums& operator+=(const RatioSums& other) {
    top += other.top;
    bottom += other.bottom;
    return *this;
  }
  double ratio() const { return bottom > 0 ? top / bottom : kMissing; }
};

}  // namespace

double approximate_randomization(std::span<const double> a, std::span<const double> b,
                                 std::size_t shuffles, std::uint64_t seed) {
  require(a.size() == b.size() && !a.empty(), "approximate randomization of {} against {} values",
          a.size(), b.size());
  double observed = 0;
  for (std::size_t i = 0; i < a.size(); ++i) observed += a[i] - b[i];
  // A shuffle that swaps nothing must count as equal despite another order of rounding.
  const double bar = std::abs(observed) * (1 - 1e-12);
  Rng rng(seed);
  std::size_t extreme = 0;
  for (std::size_t round = 0; round < shuffles; ++round) {
    double sum = 0;
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (i % 64 == 0) bits = rng.next();
      sum += ((bits >> (i % 64)) & 1) != 0 ? b[i] - a[i] : a[i] - b[i];
    }
    if (std::abs(sum) >= bar) ++extreme;
  }
  return static_cast<double>(extreme + 1) / static_cast<double>(shuffles + 1);
}

BootstrapResult cluster_bootstrap(std::span<const std::uint32_t> cluster_of,
                                  const WeightedStatistic& statistic, std::size_t resamples,
                                  double level, std::uint64_t seed) {
  require(!cluster_of.empty(), "bootstrap of no items");
  require(resamples > 1 && level > 0 && level < 1, "bootstrap with {} resamples at level {}",
          resamples, level);
  const auto clusters = group_items(cluster_of);
  std::vector<std::uint32_t> weights(cluster_of.size(), 1);
  BootstrapResult result;
  result.clusters = clusters.size();
  result.estimate = statistic(weights);
  Rng rng(seed);
  std::vector<double> values;
  values.reserve(resamples);
  for (std::size_t round = 0; round < resamples; ++round) {
    std::fill(weights.begin(), weights.end(), 0u);
    for (std::size_t draw = 0; draw < clusters.size(); ++draw) {
      for (const std::size_t item : clusters[rng.below(clusters.size())]) ++weights[item];
    }
    const double value = statistic(weights);
    if (std::isnan(value)) {
      ++result.undefined;
    } else {
      values.push_back(value);
    }
  }
  require(values.size() * 2 >= resamples, "the statistic is undefined in {} of {} resamples",
          result.undefined, resamples);
  result.interval = percentile_interval(values, level);
  return result;
}

BootstrapResult cluster_bootstrap_ratio(std::span<const double> top, std::span<const double> bottom,
                                        std::span<const std::uint32_t> cluster_of,
                                        std::size_t resamples, double level, std::uint64_t seed) {
  require(top.size() == cluster_of.size() && bottom.size() == cluster_of.size(),
          "bootstrap of a ratio: {} and {} values, {} cluster labels", top.size(), bottom.size(),
          cluster_of.size());
  require(resamples > 1 && level > 0 && level < 1, "bootstrap with {} resamples at level {}",
          resamples, level);
  const auto clusters = group_items(cluster_of);
  RatioSums total;
  for (std::size_t i = 0; i < top.size(); ++i) total += {top[i], bottom[i]};
  std::vector<RatioSums> sums(clusters.size());
  for (std::size_t c = 0; c < clusters.size(); ++c)
    for (const std::size_t item : clusters[c]) sums[c] += {top[item], bottom[item]};
  BootstrapResult result{total.ratio(), {kMissing, kMissing}, clusters.size(), 0};
  if (clusters.size() < 2 || std::isnan(result.estimate)) return result;
  Rng rng(seed);
  std::vector<double> values;
  values.reserve(resamples);
  for (std::size_t round = 0; round < resamples; ++round) {
    RatioSums drawn;
    for (std::size_t draw = 0; draw < clusters.size(); ++draw)
      drawn += sums[rng.below(clusters.size())];
    if (std::isnan(drawn.ratio())) {
      ++result.undefined;
    } else {
      values.push_back(drawn.ratio());
    }
  }
  if (values.size() * 2 >= resamples) result.interval = percentile_interval(values, level);
  return result;
}

double weighted_mean(std::span<const double> values, std::span<const std::uint32_t> weights) {
  double sum = 0, total = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum += values[i] * weights[i];
    total += weights[i];
  }
  return total > 0 ? sum / total : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace libquant
