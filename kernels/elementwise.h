#pragma once

#include <cstddef>
#include <cstdint>

namespace libquant::kernels {

/// Row-wise and element-wise fp32 operations. Rows are contiguous; outputs may be the inputs unless
/// a line says otherwise. All are threaded over rows or large chunks.

/// y = x * weight / sqrt(mean(x^2) + epsilon), per row (Zhang & Sennrich 2019).
void rms_norm_f32(std::size_t rows, std::size_t cols, const float* x, const float* weight,
                  float epsilon, float* y) noexcept;
/// out = silu(gate) * up; out may be gate or up.
void silu_mul_f32(std::size_t count, const float* gate, const float* up, float* out) noexcept;
/// y += x.
void add_f32(std::size_t count, const float* x, float* y) noexcept;
/// y[r] += bias for every row.
void add_bias_f32(std::size_t rows, std::size_t cols, const float* bias, float* y) noexcept;
/// In place softmax per row.
void softmax_f32(std::size_t rows, std::size_t cols, float* x) noexcept;
/// out[r] = log(sum(exp(x[r]))), summed in double.
void log_sum_exp_f32(std::size_t rows, std::size_t cols, const float* x, double* out) noexcept;
/// Rotary embedding, "rotate half" pairing (i, i + head_dim/2) as in Hugging Face: x is
/// [rows x heads x head_dim] with rows `ldx` apart; cosine and sine are [rows x head_dim/2].
void rope_f32(std::size_t rows, std::size_t heads, std::size_t head_dim, const float* cosine,
              const float* sine, float* x, std::size_t ldx) noexcept;
/// Exact widening of binary16 / bfloat16 bit patterns.
void f16_to_f32(std::size_t count, const std::uint16_t* in, float* out) noexcept;
void bf16_to_f32(std::size_t count, const std::uint16_t* in, float* out) noexcept;

}  // namespace libquant::kernels
