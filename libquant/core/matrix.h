#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace libquant {

/// Read-only row-major fp32 matrix that somebody else owns; `stride` in elements, >= cols.
struct ConstMatrixView {
  const float* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t stride = 0;

  std::span<const float> row(std::size_t r) const noexcept { return {data + r * stride, cols}; }
  ConstMatrixView row_range(std::size_t begin, std::size_t count) const noexcept {
    return {data + begin * stride, count, cols, stride};
  }
};

/// Writable row-major fp32 matrix that somebody else owns.
struct MatrixView {
  float* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t stride = 0;

  std::span<float> row(std::size_t r) const noexcept { return {data + r * stride, cols}; }
  MatrixView row_range(std::size_t begin, std::size_t count) const noexcept {
    return {data + begin * stride, count, cols, stride};
  }
  operator ConstMatrixView() const noexcept { return {data, rows, cols, stride}; }
};

/// Owning row-major fp32 matrix, 64-byte aligned, stride == cols, zero-initialised.
/// Movable; copying is explicit (`clone`) because these are large.
class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t cols);
  /// Not zeroed: for what writes every element anyway. The pages of a large one are then first
  /// touched by the threads that write them.
  static Matrix uninitialized(std::size_t rows, std::size_t cols);
  Matrix(Matrix&& other) noexcept;
  Matrix& operator=(Matrix&& other) noexcept;
  ~Matrix();

  Matrix clone() const;
  std::size_t rows() const noexcept { return rows_; }
  std::size_t cols() const noexcept { return cols_; }
  std::size_t size() const noexcept { return rows_ * cols_; }
  bool empty() const noexcept { return size() == 0; }
  float* data() noexcept { return data_; }
  const float* data() const noexcept { return data_; }
  float& operator()(std::size_t r, std::size_t c) noexcept { return data_[r * cols_ + c]; }
  float operator()(std::size_t r, std::size_t c) const noexcept { return data_[r * cols_ + c]; }
  std::span<float> row(std::size_t r) noexcept { return {data_ + r * cols_, cols_}; }
  std::span<const float> row(std::size_t r) const noexcept { return {data_ + r * cols_, cols_}; }
  MatrixView view() noexcept { return {data_, rows_, cols_, cols_}; }
  ConstMatrixView view() const noexcept { return {data_, rows_, cols_, cols_}; }
  operator MatrixView() noexcept { return view(); }
  operator ConstMatrixView() const noexcept { return view(); }

 private:
  float* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
};

/// Row and column of the first element that is NaN or infinite, if there is one.
struct MatrixPlace {
  std::size_t row, col;
};
std::optional<MatrixPlace> first_not_finite(ConstMatrixView x);

}  // namespace libquant
