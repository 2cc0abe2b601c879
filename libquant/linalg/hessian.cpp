#include "libquant/linalg/hessian.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/gemm.h"
#include "kernels/threads.h"
#include "libquant/core/error.h"

namespace libquant {
namespace {

constexpr std::size_t kChunk = 256;  // the chunk of kernels::syrk_f64_f32

std::size_t count_not_finite(ConstMatrixView x) {
  std::size_t count = 0;
  for (std::size_t r = 0; r < x.rows; ++r)
    count += static_cast<std::size_t>(
        std::ranges::count_if(x.row(r), [](float value) { return !std::isfinite(value); }));
  return count;
}

std::size_t square(std::size_t size) {
  require(size > 0 && size <= std::numeric_limits<std::size_t>::max() / sizeof(double) / size,
          "a Hessian of {} x {} cannot be held", size, size);
  return size * size;
}

}  // namespace

Hessian::Hessian(std::size_t size) : size_(size), values_(square(size)) {
  kernels::parallel_for(size, 32,
                        [&](std::size_t i) { std::fill_n(values_.data() + i * size, size, 0.0); });
}

void Hessian::close_chunk() const noexcept {
  if (open_ == 0) return;
  kernels::syrk_f64_f32(open_, size_, pending_.data(), size_, values_.data(), size_);
  open_ = 0;
}

bool Hessian::finite_diagonal() const noexcept {
  double sum = 0;
  for (std::size_t i = 0; i < size_; ++i) sum += values_[i * size_ + i];
  return std::isfinite(sum);
}

void Hessian::add(ConstMatrixView x) {
  require(x.cols == size_, "Hessian of {} inputs: {} activations per token were given", size_,
          x.cols);
  const ConstMatrixView given = x;
  const auto check = [&](bool fine) {
    if (!fine && first_not_finite(given))
      fail<Error>("Hessian of {} inputs: {} of {} activations are not finite", size_,
                  count_not_finite(given), given.rows * given.cols);
  };
  while (x.rows > 0) {
    if (open_ == 0 && x.rows >= kChunk) {
      const std::size_t whole = x.rows / kChunk * kChunk;
      kernels::syrk_f64_f32(whole, size_, x.data, x.stride, values_.data(), size_);
      // The square of an odd value shows there, so the activations need not be read once more.
      check(finite_diagonal());
      x = x.row_range(whole, x.rows - whole);
      continue;
    }
    const std::size_t take = std::min(x.rows, kChunk - open_);
    check(!first_not_finite(x.row_range(0, take)));
    pending_.resize(kChunk * size_);
    for (std::size_t r = 0; r < take; ++r)
      std::ranges::copy(x.row(r), pending_.data() + (open_ + r) * size_);
    open_ += take;
    if (open_ == kChunk) close_chunk();
    x = x.row_range(take, x.rows - take);
  }
  tokens_ += given.rows;
}

}  // namespace libquant
