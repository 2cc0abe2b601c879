#include "libquant/core/matrix.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "kernels/threads.h"
#include "libquant/core/error.h"
#include "libquant/core/large_vector.h"

namespace libquant {
namespace {

/// On bits, so that the loop vectorises: an exponent of all ones is NaN or infinity.
bool is_odd(float value) noexcept {
  return (std::bit_cast<std::uint32_t>(value) & 0x7f800000u) == 0x7f800000u;
}

}  // namespace

Matrix Matrix::uninitialized(std::size_t rows, std::size_t cols) {
  Matrix made;
  if (rows == 0 || cols == 0) {
    made.rows_ = rows;
    made.cols_ = cols;
    return made;
  }
  require(rows <= std::numeric_limits<std::size_t>::max() / sizeof(float) / cols,
          "a matrix of {} x {} does not fit into memory", rows, cols);
  made.data_ = static_cast<float*>(allocate_large(rows * cols * sizeof(float)));
  made.rows_ = rows;
  made.cols_ = cols;
  return made;
}

Matrix::Matrix(std::size_t rows, std::size_t cols) : Matrix(uninitialized(rows, cols)) {
  if (!empty()) std::memset(data_, 0, size() * sizeof(float));
}

Matrix::Matrix(Matrix&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      rows_(std::exchange(other.rows_, 0)),
      cols_(std::exchange(other.cols_, 0)) {}

Matrix& Matrix::operator=(Matrix&& other) noexcept {
  Matrix taken(std::move(other));  // frees our old buffer now, not when `other` dies
  std::swap(data_, taken.data_);
  std::swap(rows_, taken.rows_);
  std::swap(cols_, taken.cols_);
  return *this;
}

Matrix::~Matrix() {
  if (data_ != nullptr) free_large(data_, size() * sizeof(float));
}

Matrix Matrix::clone() const {
  Matrix copy = uninitialized(rows_, cols_);
  if (!empty()) std::memcpy(copy.data_, data_, size() * sizeof(float));
  return copy;
}

std::optional<MatrixPlace> first_not_finite(ConstMatrixView x) {
  constexpr std::size_t kValues = 16384;  // a thread's share: smaller ones are not worth its start
  std::atomic<std::size_t> first{x.rows};
  kernels::parallel_for(x.rows, kValues / (x.cols + 1) + 1, [&](std::size_t r) {
    std::uint32_t odd = 0;
    for (const float value : x.row(r)) odd |= is_odd(value) ? 1u : 0u;
    std::size_t least = first.load(std::memory_order_relaxed);
    while (odd != 0 && r < least && !first.compare_exchange_weak(least, r)) {
    }
  });
  if (first == x.rows) return std::nullopt;
  const std::span<const float> row = x.row(first);
  const auto at = std::find_if(row.begin(), row.end(), is_odd);
  return MatrixPlace{first, static_cast<std::size_t>(at - row.begin())};
}

}  // namespace libquant
