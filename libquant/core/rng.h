#pragma once

#include <cstdint>

namespace libquant {

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, the same numbers on every platform, which
/// std's distributions do not promise.
class Rng {
 public:
  explicit Rng(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t next() noexcept;
  /// Uniform in [0, 1), 53 bits.
  double uniform() noexcept;
  /// Uniform in [0, bound) without modulo bias; bound > 0.
  std::uint64_t below(std::uint64_t bound) noexcept;
  /// Standard normal (Box-Muller, one of the pair).
  double normal() noexcept;

 private:
  std::uint64_t state_;
};

}  // namespace libquant
