#pragma once

#include <cmath>
#include <cstddef>

namespace libquant::reference {

/// A sum of products and the sum of their magnitudes, which bounds every rounding error in it.
struct Dot {
  double value = 0;
  double magnitude = 0;
};

template <typename T>
Dot dot(std::size_t k, const T* a, std::ptrdiff_t a_step, const T* b, std::ptrdiff_t b_step) {
  Dot sum;
  long double exact = 0;
  for (std::size_t p = 0; p < k; ++p, a += a_step, b += b_step) {
    const long double product = static_cast<long double>(*a) * static_cast<long double>(*b);
    exact += product;
    sum.magnitude += std::fabs(static_cast<double>(product));
  }
  sum.value = static_cast<double>(exact);
  return sum;
}

/// |computed - exact| <= this for k products added in any order, with or without fused
/// multiply-add, to an earlier value: gamma(k + 4) of Higham, Accuracy and Stability, section 3.1.
/// The extra four cover the product's own rounding, the earlier value and the second-order terms.
inline double sum_bound(std::size_t k, double unit_roundoff, double magnitude) {
  return static_cast<double>(k + 4) * unit_roundoff * magnitude;
}

constexpr double kUnitF32 = 0x1p-24;
constexpr double kUnitF64 = 0x1p-53;

template <typename T>
constexpr double unit_roundoff() {
  return sizeof(T) == 4 ? kUnitF32 : kUnitF64;
}

}  // namespace libquant::reference
