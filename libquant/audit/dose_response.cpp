#include "libquant/audit/dose_response.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <string_view>

#include "libquant/core/error.h"
#include "libquant/stats/logistic.h"

namespace libquant {
namespace {

constexpr std::size_t kCurvePoints = 25;

bool counts(const ItemComparison& item, OptionRole role) {
  return item.item->condition == Condition::ambiguous && item.has_role(role);
}

struct Regression {
  std::size_t columns = 0;
  std::vector<double> design;
  std::vector<std::uint8_t> outcomes;
  std::vector<std::uint32_t> clusters;

  // Mean of every column; the intercept's is one.
  std::vector<double> means() const {
    std::vector<double> out(columns, 0.0);
    for (std::size_t i = 0; i < design.size(); ++i) out[i % columns] += design[i];
    for (double& mean : out) mean /= static_cast<double>(outcomes.size());
    return out;
  }
  bool varies() const {
    return std::adjacent_find(outcomes.begin(), outcomes.end(), std::not_equal_to<>()) !=
           outcomes.end();
  }
};

// Columns: const, bits, one per category but the first.
Regression regression(std::span<const DoseLevel> levels, OptionRole role) {
  std::map<std::string_view, std::size_t> categories;
  for (const DoseLevel& level : levels)
    for (const ItemComparison& item : level.items)
      if (counts(item, role)) categories.emplace(item.item->category, 0);
  std::size_t next = 1;
  for (auto& [name, column] : categories) column = next++;
  Regression out;
  out.columns = 1 + std::max<std::size_t>(categories.size(), 1);
  for (const DoseLevel& level : levels) {
    for (const ItemComparison& item : level.items) {
      if (!counts(item, role)) continue;
      std::vector<double> row(out.columns, 0.0);
      row[0] = 1;
      row[1] = level.bits;
      if (const std::size_t column = categories[item.item->category]; column > 1) row[column] = 1;
      out.design.insert(out.design.end(), row.begin(), row.end());
      out.outcomes.push_back(item.role(level.side) == role ? 1 : 0);
      out.clusters.push_back(item.cluster);
    }
  }
  return out;
}

double logistic(double eta) { return 1 / (1 + std::exp(-eta)); }

// Delta method on the linear scale, where the interval is symmetric.
CurvePoint point(const LogisticFit& fit, std::vector<double> at, double bits, double z) {
  at[1] = bits;
  double eta = 0, variance = 0;
  for (std::size_t a = 0; a < at.size(); ++a) {
    eta += at[a] * fit.coefficients[a].value;
    for (std::size_t b = 0; b < at.size(); ++b)
      variance += at[a] * at[b] * fit.covariance[a * at.size() + b];
  }
  const double half = z * std::sqrt(std::max(variance, 0.0));
  return {bits, logistic(eta), {logistic(eta - half), logistic(eta + half)}};
}

}  // namespace

DoseFit fit_dose_response(std::span<const DoseLevel> levels, OptionRole role, double level) {
  DoseFit out;
  std::set<double> widths;
  for (const DoseLevel& entry : levels) widths.insert(entry.bits);
  out.levels = widths.size();
  if (widths.size() < 3) {
    out.problem = fmt::format("a curve needs three different widths, there are {}", widths.size());
    return out;
  }
  const Regression data = regression(levels, role);
  const std::set<std::uint32_t> templates(data.clusters.begin(), data.clusters.end());
  if (data.outcomes.size() <= data.columns || templates.size() < 2 || !data.varies()) {
    out.problem =
        fmt::format("{} answers from {} templates, {}: too little to fit", data.outcomes.size(),
                    templates.size(), data.varies() ? "which vary" : "all alike");
    return out;
  }
  const LogisticFit fit =
      logistic_regression(data.design, data.columns, data.outcomes, data.clusters);
  if (!fit.converged) {
    out.problem = "the regression does not converge: widths or categories separate the outcomes";
    return out;
  }
  const double z = normal_quantile(level);
  const LogisticCoefficient& bits = fit.coefficients[1];
  const double half = z * bits.standard_error;
  out.coefficient = {bits.value, {bits.value - half, bits.value + half}, data.outcomes.size()};
  out.p_value = bits.p_value;
  out.clusters = fit.clusters;
  const double first = *widths.begin(), last = *widths.rbegin();
  const std::vector<double> means = data.means();
  for (std::size_t i = 0; i < kCurvePoints; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(kCurvePoints - 1);
    out.curve.push_back(point(fit, means, first + share * (last - first), z));
  }
  return out;
}

}  // namespace libquant
