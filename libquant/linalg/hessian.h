#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "libquant/core/matrix.h"

namespace libquant {

/// Second moments H = sum_t x_t x_t^T of a linear layer's inputs, in double, lower triangle.
/// Activations are added in chunks of a fixed size in the order given: the same bytes at any thread
/// count, however the caller splits them into calls of whole chunks.
class Hessian {
 public:
  explicit Hessian(std::size_t size);

  /// x: [tokens x size]. Throws Error naming the count when an activation is not finite.
  void add(ConstMatrixView x);

  std::size_t size() const noexcept { return size_; }
  std::size_t tokens() const noexcept { return tokens_; }
  /// Row-major [size x size]; only the lower triangle (with diagonal) holds values.
  std::span<const double> lower() const noexcept { return values_; }
  double diagonal(std::size_t i) const noexcept { return values_[i * size_ + i]; }

 private:
  std::size_t size_;
  std::size_t tokens_ = 0;
  std::vector<double> values_;
};

}  // namespace libquant
