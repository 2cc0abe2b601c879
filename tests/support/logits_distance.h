#pragma once

#include <algorithm>
#include <cmath>

#include "libquant/core/matrix.h"

namespace libquant::testing {

/// Largest difference over the largest magnitude of `expected`; NaN where anything is NaN, so that
/// `<=` fails.
inline double distance(ConstMatrixView actual, ConstMatrixView expected) {
  double largest = 0, difference = 0;
  for (std::size_t r = 0; r < expected.rows; ++r) {
    for (std::size_t c = 0; c < expected.cols; ++c) {
      const double apart = std::abs(double{actual.row(r)[c]} - double{expected.row(r)[c]});
      if (std::isnan(apart)) return apart;
      difference = std::max(difference, apart);
      largest = std::max(largest, std::abs(double{expected.row(r)[c]}));
    }
  }
  return difference / largest;
}

/// Two passes of a tiny model (2 layers, sums of at most k = 112 products) that differ in the order
/// of summation only. An fp32 sum of k products is off by about sqrt(k) 2^-24 of its terms' norm =
/// 6e-7; 9 matrix products follow one another and each doubles what it is handed at most a few
/// times over, in two passes: 2 * 9 * 6e-7 * 4 = 4e-5, relative to the largest logit.
inline constexpr double kReorderedSums = 4e-5;

}  // namespace libquant::testing
