#include "libquant/core/matrix.h"

#include <cstring>
#include <limits>
#include <new>
#include <utility>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "libquant/core/error.h"

namespace libquant {
namespace {

// Matrices of this size and more lie in huge pages: a forward pass makes and drops many, and each
// small page that is touched for the first time costs as much as filling it.
constexpr std::size_t kHugePage = std::size_t{2} << 20, kLarge = 2 * kHugePage;

std::align_val_t alignment(std::size_t bytes) noexcept {
  return std::align_val_t{bytes < kLarge ? 64 : kHugePage};
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
  const std::size_t bytes = rows * cols * sizeof(float);
  made.data_ = static_cast<float*>(::operator new(bytes, alignment(bytes)));
  made.rows_ = rows;
  made.cols_ = cols;
#ifdef __linux__
  if (bytes >= kLarge)
    static_cast<void>(madvise(made.data_, bytes / kHugePage * kHugePage, MADV_HUGEPAGE));
#endif
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
  if (data_ != nullptr) ::operator delete(data_, alignment(size() * sizeof(float)));
}

Matrix Matrix::clone() const {
  Matrix copy = uninitialized(rows_, cols_);
  if (!empty()) std::memcpy(copy.data_, data_, size() * sizeof(float));
  return copy;
}

}  // namespace libquant
