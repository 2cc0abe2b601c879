#include "libquant/core/matrix.h"

#include <cstring>
#include <limits>
#include <utility>

#include "libquant/core/error.h"
#include "libquant/core/large_vector.h"

namespace libquant {
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

}  // namespace libquant
