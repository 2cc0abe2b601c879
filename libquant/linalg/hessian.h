#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "libquant/core/large_vector.h"
#include "libquant/core/matrix.h"

namespace libquant {

/// Second moments H = sum_t x_t x_t^T of a linear layer's inputs, in double, lower triangle.
/// Tokens are summed in chunks of 256 counted from the first one: the same bytes at any thread
/// count and however the caller splits them into calls. Holds size^2 doubles and at most 256 x size
/// floats of an open chunk. Not thread-safe.
class Hessian {
 public:
  explicit Hessian(std::size_t size);

  /// x: [tokens x size]. Throws Error naming the count when an activation is not finite; the
  /// Hessian is then of no more use.
  void add(ConstMatrixView x);

  std::size_t size() const noexcept { return size_; }
  std::size_t tokens() const noexcept { return tokens_; }
  /// Row-major [size x size]; only the lower triangle (with diagonal) holds values. Reading closes
  /// the open chunk, so the first read after the last add must not run on two threads at once.
  std::span<const double> lower() const noexcept {
    close_chunk();
    return values_;
  }
  double diagonal(std::size_t i) const noexcept { return lower()[i * size_ + i]; }

 private:
  void close_chunk() const noexcept;
  bool finite_diagonal() const noexcept;

  std::size_t size_;
  std::size_t tokens_ = 0;
  mutable std::size_t open_ = 0;  // rows in pending_
  mutable LargeVector<double> values_;
  std::vector<float> pending_;
};

}  // namespace libquant
