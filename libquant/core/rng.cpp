#include "libquant/core/rng.h"

#include <cmath>
#include <numbers>

namespace libquant {

std::uint64_t Rng::next() noexcept {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

double Rng::uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }

std::uint64_t Rng::below(std::uint64_t bound) noexcept {
  const std::uint64_t limit = (0 - bound) % bound;  // 2^64 mod bound: values below it would bias
  for (;;) {
    const std::uint64_t value = next();
    if (value >= limit) return value % bound;
  }
}

double Rng::normal() noexcept {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace libquant
