#pragma once

#include <cstddef>
#include <cstdint>

namespace libquant::kernels {

/// A matrix operand with any strides, in elements: transposition is a swap of the two strides.
template <typename T>
struct Operand {
  const T* data;
  std::ptrdiff_t row_stride;
  std::ptrdiff_t col_stride;
};

/// C[m x n] = A[m x k] B[k x n] + (accumulate ? C : 0), C row-major with leading dimension `ldc`.
/// Packs panels into per-thread workspace that is kept between calls. The summation order depends
/// on the shape and the instruction set only: the same bytes at any thread count.
void gemm_f32(std::size_t m, std::size_t n, std::size_t k, Operand<float> a, Operand<float> b,
              bool accumulate, float* c, std::size_t ldc) noexcept;
void gemm_f64(std::size_t m, std::size_t n, std::size_t k, Operand<double> a, Operand<double> b,
              bool accumulate, double* c, std::size_t ldc) noexcept;

/// y[tokens x outputs] = x[tokens x inputs] W^T + (accumulate ? y : 0) for row-major W[outputs x
/// inputs], the layout of every linear layer; rows of x, w and y are `ldx`, `ldw`, `ldy` apart.
void linear_f32(std::size_t tokens, std::size_t outputs, std::size_t inputs, const float* x,
                std::size_t ldx, const float* w, std::size_t ldw, bool accumulate, float* y,
                std::size_t ldy) noexcept;

/// One matrix of `linears_f32` and its output.
struct LinearPart {
  const float* w;  ///< [outputs x inputs], rows `ldw` apart
  std::size_t outputs;
  std::size_t ldw;
  float* y;  ///< [tokens x outputs], rows `ldy` apart
  std::size_t ldy;
};

/// Several linear layers of the same input, which is read and packed once: each y gets the bytes
/// that `linear_f32` gives.
void linears_f32(std::size_t tokens, std::size_t inputs, const float* x, std::size_t ldx,
                 const LinearPart* linears, std::size_t count, bool accumulate) noexcept;

/// Whether the instruction set in use multiplies bfloat16: AVX512_BF16 beside "avx512vnni", BF16
/// beside "i8mm", and "scalar", which is slow. Throws like active().
bool has_bf16();

/// linear_f32 for W in bfloat16 bits, its rows `ldw` values apart, and x rounded to bfloat16 (to
/// nearest even); products are summed in fp32. Values below 2^-126 may become 0. Needs has_bf16().
/// Fastest where inputs and ldw are even. Whether it is faster than linear_f32 is the processor's
/// business: docs/kernels.md.
void linear_bf16(std::size_t tokens, std::size_t outputs, std::size_t inputs, const float* x,
                 std::size_t ldx, const std::uint16_t* w, std::size_t ldw, bool accumulate,
                 float* y, std::size_t ldy) noexcept;

/// Lower triangle (with diagonal) of H[k x k] += X^T X for row-major X[tokens x k], rows `ldx`
/// apart: fp32 products and sums within a chunk of 256 tokens, chunks added to the double H in
/// order. Elements above the diagonal are not touched.
void syrk_f64_f32(std::size_t tokens, std::size_t k, const float* x, std::size_t ldx, double* h,
                  std::size_t ldh) noexcept;

}  // namespace libquant::kernels
