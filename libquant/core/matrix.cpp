#include "libquant/core/matrix.h"

#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "libquant/core/error.h"

namespace libquant {
namespace {

constexpr std::align_val_t kAlignment{64};

}  // namespace

Matrix::Matrix(std::size_t rows, std::size_t cols) : rows_(rows), cols_(cols) {
  if (rows == 0 || cols == 0) return;
  require(rows <= std::numeric_limits<std::size_t>::max() / sizeof(float) / cols,
          "a matrix of {} x {} does not fit into memory", rows, cols);
  const std::size_t bytes = rows * cols * sizeof(float);
  data_ = static_cast<float*>(::operator new(bytes, kAlignment));
  std::memset(data_, 0, bytes);
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

Matrix::~Matrix() { ::operator delete(data_, kAlignment); }

Matrix Matrix::clone() const {
  Matrix copy(rows_, cols_);
  if (!empty()) std::memcpy(copy.data_, data_, size() * sizeof(float));
  return copy;
}

}  // namespace libquant
