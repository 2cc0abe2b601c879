#include "libquant/linalg/hessian.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/gemm.h"
#include "kernels/threads.h"
#include "libquant/core/error.h"

namespace libquant {
namespace {

constexpr std::size_t kChunk = 256;  // the chunk of kernels::syrk_f64_f32

std::size_t count_not_finite(ConstMatrixView x) {
  constexpr std::size_t kRows = 64;
  std::vector<std::size_t> counts((x.rows + kRows - 1) / kRows);
  kernels::parallel_for(counts.size(), 1, [&](std::size_t i) {
    for (std::size_t r = i * kRows; r < std::min((i + 1) * kRows, x.rows); ++r) {
      std::uint32_t bad = 0;
      for (const float value : x.row(r))
        bad += (std::bit_cast<std::uint32_t>(value) & 0x7f800000u) == 0x7f800000u ? 1u : 0u;
      counts[i] += bad;
    }
  });
  return std::accumulate(counts.begin(), counts.end(), std::size_t{0});
}

std::size_t square(std::size_t size) {
  require(size > 0 && size <= std::numeric_limits<std::size_t>::max() / sizeof(double) / size,
          "a Hessian of {} x {} cannot be held", size, size);
  return size * size;
}

}  // namespace

Hessian::Hessian(std::size_t size) : size_(size), values_(square(size), 0.0) {}

void Hessian::close_chunk() const noexcept {
  if (open_ == 0) return;
  kernels::syrk_f64_f32(open_, size_, pending_.data(), size_, values_.data(), size_);
  open_ = 0;
}

void Hessian::add(ConstMatrixView x) {
  require(x.cols == size_, "Hessian of {} inputs: {} activations per token were given", size_,
          x.cols);
  const std::size_t bad = count_not_finite(x);
  require<Error>(bad == 0, "Hessian of {} inputs: {} of {} activations are not finite", size_, bad,
                 x.rows * x.cols);
  tokens_ += x.rows;
  while (x.rows > 0) {
    if (open_ == 0 && x.rows >= kChunk) {
      const std::size_t whole = x.rows / kChunk * kChunk;
      kernels::syrk_f64_f32(whole, size_, x.data, x.stride, values_.data(), size_);
      x = x.row_range(whole, x.rows - whole);
      continue;
    }
    const std::size_t take = std::min(x.rows, kChunk - open_);
    pending_.resize(kChunk * size_);
    for (std::size_t r = 0; r < take; ++r)
      std::ranges::copy(x.row(r), pending_.data() + (open_ + r) * size_);
    open_ += take;
    if (open_ == kChunk) close_chunk();
    x = x.row_range(take, x.rows - take);
  }
}

}  // namespace libquant
