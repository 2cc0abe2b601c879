#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/core/large_vector.h"
#include "libquant/linalg/hessian.h"

namespace libquant {

/// Order in which GPTQ visits columns. Groups always stay the contiguous columns of the file, so no
/// order needs g_idx.
enum class ActOrder : std::uint8_t {
  none,        ///< as stored
  group,       ///< by diag(H), descending, inside each group; groups by their largest entry
  static_all,  ///< all columns by diag(H), descending; group parameters fitted up front
};
std::string_view to_string(ActOrder order) noexcept;
ActOrder act_order_from(std::string_view name);

/// Columns in visiting order; ties keep the stored order. `group_columns` divides the size.
std::vector<std::uint32_t> visiting_order(std::span<const double> diagonal, ActOrder order,
                                          std::size_t group_columns);

/// What the solver needs of the metric.
struct Factor {
  std::vector<std::uint32_t> order;  ///< columns as visited
  LargeVector<double> upper;         ///< U of linalg/factor.h in that order; empty: it failed
  double damping = 0;                ///< of mean(diag S), as used
  int attempts = 0;
  std::string failure;  ///< why `upper` is empty
};

/// The quadratic form tr((Q-W) S (Q-W)^T) that layer-wise methods minimise. Refers to the matrix it
/// was made from, which must outlive it. Keeps the last factor, so that layers that share their
/// inputs (q, k, v; gate, up) pay for it once. Not thread-safe.
class Metric {
 public:
  /// S = H. Closes the Hessian's open chunk.
  explicit Metric(const Hessian& hessian);
  /// S from its lower triangle, row-major [size x size].
  Metric(std::span<const double> lower, std::size_t size, std::size_t tokens);

  std::size_t size() const noexcept { return size_; }
  std::size_t tokens() const noexcept { return tokens_; }
  std::span<const double> lower() const noexcept { return lower_; }
  std::span<const double> diagonal() const noexcept { return diagonal_; }
  /// Inputs that were 0 in every token. They keep their rounded weights, take part in no
  /// compensation, and count in no error.
  std::size_t dead_columns() const noexcept { return dead_; }
  /// Diagonal of S + lambda I, a dead column counting as an average one: what an error in each
  /// column costs while the others stay as they are.
  std::vector<double> importance(double damping) const;

  /// The factor of S + lambda I, lambda = damping x mean(diag S over live columns). When that is
  /// not positive definite the damping ladder is climbed: damping grows to 0.01 and then doubles
  /// while it is below 1; then 1e-6 x max(diag S) x 10^k is added for k = 0..5; then it fails,
  /// saying why.
  const Factor& factor(ActOrder order, std::size_t group_columns, double damping);

 private:
  struct Key {
    ActOrder order;
    std::size_t group_columns;
    double damping;
    friend bool operator==(const Key&, const Key&) = default;
  };

  void climb(double damping, Factor& factor) const;

  std::span<const double> lower_;
  std::size_t size_;
  std::size_t tokens_;
  std::vector<double> diagonal_;
  double mean_ = 0;  // of the live columns
  double max_ = 0;
  bool usable_ = true;
  std::size_t dead_ = 0;
  Key key_{};
  std::unique_ptr<Factor> factor_;
};

}  // namespace libquant
