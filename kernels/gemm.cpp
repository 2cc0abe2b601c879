#include "kernels/gemm.h"

#include "kernels/threads.h"

namespace libquant::kernels {
namespace {

template <typename T>
void gemm(std::size_t m, std::size_t n, std::size_t k, Operand<T> a, Operand<T> b, bool accumulate,
          T* c, std::size_t ldc) noexcept {
  parallel_for(m, 1, [&](std::size_t i) {
    T* row = c + i * ldc;
    for (std::size_t j = 0; j < n && !accumulate; ++j) row[j] = 0;
    for (std::size_t p = 0; p < k; ++p) {
      const T scale = a.data[static_cast<std::ptrdiff_t>(i) * a.row_stride +
                             static_cast<std::ptrdiff_t>(p) * a.col_stride];
      const T* from = b.data + static_cast<std::ptrdiff_t>(p) * b.row_stride;
      for (std::size_t j = 0; j < n; ++j)
        row[j] += scale * from[static_cast<std::ptrdiff_t>(j) * b.col_stride];
    }
  });
}

}  // namespace

void gemm_f32(std::size_t m, std::size_t n, std::size_t k, Operand<float> a, Operand<float> b,
              bool accumulate, float* c, std::size_t ldc) noexcept {
  gemm(m, n, k, a, b, accumulate, c, ldc);
}

void gemm_f64(std::size_t m, std::size_t n, std::size_t k, Operand<double> a, Operand<double> b,
              bool accumulate, double* c, std::size_t ldc) noexcept {
  gemm(m, n, k, a, b, accumulate, c, ldc);
}

void linear_f32(std::size_t tokens, std::size_t outputs, std::size_t inputs, const float* x,
                std::size_t ldx, const float* w, std::size_t ldw, bool accumulate, float* y,
                std::size_t ldy) noexcept {
  gemm_f32(tokens, outputs, inputs, {x, static_cast<std::ptrdiff_t>(ldx), 1},
           {w, 1, static_cast<std::ptrdiff_t>(ldw)}, accumulate, y, ldy);
}

void syrk_f64_f32(std::size_t tokens, std::size_t k, const float* x, std::size_t ldx, double* h,
                  std::size_t ldh) noexcept {
  parallel_for(k, 1, [&](std::size_t i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (std::size_t t = 0; t < tokens; ++t)
        sum += double{x[t * ldx + i]} * double{x[t * ldx + j]};
      h[i * ldh + j] += sum;
    }
  });
}

}  // namespace libquant::kernels
