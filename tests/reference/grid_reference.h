#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

/// Slow and obvious quantization grids, written from the formulas alone: nothing here is shared
/// with the library.
namespace reference {

enum class Zero { symmetric, asymmetric, minimum };
enum class Stored { f32, f16, bf16 };

struct GridRules {
  int bits = 4;
  Zero zero = Zero::symmetric;
  Stored stored = Stored::f16;
  int zero_min = 0;
  int clip_steps = 0;
  double max_shrink = 0.8;
  double norm = 2.4;

  int top() const { return (1 << bits) - 1; }
};

struct Grid {
  double scale = 1;
  double zero = 0;     // used by symmetric and asymmetric
  double minimum = 0;  // used by minimum
};

/// Nearest value with `mantissa_bits` stored bits and least exponent `least`; ties to even.
inline double round_mantissa(double value, int mantissa_bits, int least) {
  if (value == 0) return 0;
  const double step = std::ldexp(1.0, std::max(std::ilogb(value), least) - mantissa_bits);
  return std::nearbyint(value / step) * step;
}

inline double round_stored(double value, Stored stored) {
  const double single = static_cast<float>(value);
  const double rounded = stored == Stored::f32   ? single
                         : stored == Stored::f16 ? round_mantissa(single, 10, -14)
                                                 : round_mantissa(single, 7, -126);
  const double largest = stored == Stored::f32   ? std::numeric_limits<float>::max()
                         : stored == Stored::f16 ? 65504
                                                 : std::ldexp(2 - std::ldexp(1, -7), 127);
  return std::clamp(rounded, -largest, largest);
}

inline double round_scale(double value, Stored stored) {
  const int least = stored == Stored::f32 ? -149 : stored == Stored::f16 ? -24 : -133;
  return std::max(round_stored(value, stored), std::ldexp(1.0, least));
}

/// Position on the grid in steps, before rounding and clamping.
inline double position(double w, const Grid& grid, const GridRules& rules) {
  return rules.zero == Zero::minimum ? (w - grid.minimum) / grid.scale : w / grid.scale + grid.zero;
}
inline int code_of(double w, const Grid& grid, const GridRules& rules) {
  return static_cast<int>(
      std::clamp<double>(std::nearbyint(position(w, grid, rules)), 0, rules.top()));
}
inline double value_of(int code, const Grid& grid, const GridRules& rules) {
  return rules.zero == Zero::minimum ? grid.scale * code + grid.minimum
                                     : grid.scale * (code - grid.zero);
}

inline Grid span_range(double low, double high, const GridRules& rules) {
  Grid grid;
  if (rules.zero == Zero::symmetric) {
    grid.zero = 1 << (rules.bits - 1);
    grid.scale =
        round_scale(2 * std::max(std::abs(low), std::abs(high)) / rules.top(), rules.stored);
  } else if (rules.zero == Zero::asymmetric) {
    low = std::min(low, 0.0);
    high = std::max(high, 0.0);
    double scale = (high - low) / rules.top();
    const double wanted = std::nearbyint(-low / scale);
    grid.zero = std::clamp<double>(wanted, rules.zero_min, rules.top());
    if (grid.zero > wanted) scale = std::max(scale, high / (rules.top() - grid.zero));
    grid.scale = round_scale(scale, rules.stored);
  } else {
    grid.minimum = round_stored(low, rules.stored);
    grid.scale = round_scale((high - grid.minimum) / rules.top(), rules.stored);
  }
  return grid;
}

inline double grid_error(const std::vector<double>& values, const std::vector<double>& weights,
                         const Grid& grid, const GridRules& rules) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double miss = value_of(code_of(values[i], grid, rules), grid, rules) - values[i];
    sum += (weights.empty() ? 1.0 : weights[i]) * std::pow(std::abs(miss), rules.norm);
  }
  return sum;
}

struct FittedGrid {
  Grid grid;
  bool near_tie = false;  ///< something that decides the grid was even to 1e-9
};

/// Takes `candidate` where it is better; even ones are near ties.
inline void consider(const Grid& candidate, const std::vector<double>& values,
                     const std::vector<double>& weights, const GridRules& rules, double& best,
                     FittedGrid& fitted) {
  const bool other = candidate.scale != fitted.grid.scale || candidate.zero != fitted.grid.zero ||
                     candidate.minimum != fitted.grid.minimum;
  const double error = grid_error(values, weights, candidate, rules);
  const bool even = other && std::abs(error - best) <= 1e-9 * error;
  if (error < best) {
    // A near tie between grids that both lose to this one no longer matters.
    fitted = {candidate, even};
    best = error;
  } else if (even) {
    fitted.near_tie = true;
  }
}

/// A decision that rounding errors may tip. Beyond the ends of the grid both sides clamp to one
/// code, and the symmetric rule puts a largest weight there: half a step beyond the top.
inline bool near_half(double steps, const GridRules& rules) {
  return steps > 0 && steps < rules.top() && std::abs(steps - std::floor(steps) - 0.5) < 1e-9;
}

/// Normal equations of min sum w (scale q + minimum - v)^2, the minimum 0 where there is none.
inline Grid least_squares(const std::vector<double>& values, const std::vector<double>& weights,
                          const Grid& grid, const GridRules& rules) {
  double one = 0, q1 = 0, q2 = 0, v1 = 0, qv = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double w = weights.empty() ? 1.0 : weights[i];
    const double q =
        code_of(values[i], grid, rules) - (rules.zero == Zero::minimum ? 0 : grid.zero);
    one += w, q1 += w * q, q2 += w * q * q, v1 += w * values[i], qv += w * q * values[i];
  }
  Grid fitted = grid;
  if (rules.zero != Zero::minimum) {
    if (qv > 0) fitted.scale = round_scale(qv / q2, rules.stored);
    return fitted;
  }
  const double slope = (one * qv - q1 * v1) / (one * q2 - q1 * q1);
  if (!(slope > 0) || std::isinf(slope)) return grid;
  fitted.scale = round_scale(slope, rules.stored);
  fitted.minimum = round_stored((v1 - fitted.scale * q1) / one, rules.stored);
  return fitted;
}

/// For groups that are neither all zero nor constant (those have golden values in the tests).
inline FittedGrid fit(const std::vector<double>& values, const std::vector<double>& weights,
                      const GridRules& rules) {
  const double low = *std::min_element(values.begin(), values.end());
  const double high = *std::max_element(values.begin(), values.end());
  FittedGrid fitted{span_range(low, high, rules)};
  if (rules.clip_steps == 0) return fitted;
  double best = grid_error(values, weights, fitted.grid, rules);
  for (int i = 1; i <= rules.clip_steps; ++i) {
    const double part = 1 - i * rules.max_shrink / rules.clip_steps;
    const double middle = rules.zero == Zero::minimum ? (low + high) / 2 : 0;
    consider(span_range(middle + part * (low - middle), middle + part * (high - middle), rules),
             values, weights, rules, best, fitted);
  }
  if (rules.zero == Zero::symmetric && high >= -low) {
    Grid exact_top = fitted.grid;
    exact_top.scale = round_scale(high / ((1 << (rules.bits - 1)) - 1), rules.stored);
    consider(exact_top, values, weights, rules, best, fitted);
  }
  bool tie = fitted.near_tie;
  for (int i = 0; i < 4; ++i) {
    for (const double value : values)
      tie = tie || near_half(position(value, fitted.grid, rules), rules);
    const double before = best;
    consider(least_squares(values, weights, fitted.grid, rules), values, weights, rules, best,
             fitted);
    tie = tie || fitted.near_tie;
    if (best == before) break;
  }
  fitted.near_tie = tie;
  return fitted;
}

}  // namespace reference
