#pragma once

#include <cstddef>

namespace libquant {

struct Interval {
  double low = 0;
  double high = 0;
};

/// Wilson score interval of a share (Wilson 1927), `level` two-sided. n = 0 gives (0, 1): nothing
/// is known. Throws InvalidArgument for successes > n or a level outside (0, 1).
Interval wilson_interval(std::size_t successes, std::size_t n, double level = 0.95);

/// Two-sided standard normal quantile: 1.96 for 0.95.
double normal_quantile(double level);

}  // namespace libquant
