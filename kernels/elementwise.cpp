#include "kernels/elementwise.h"

#include <bit>
#include <cmath>

#include "kernels/threads.h"

namespace libquant::kernels {

void rms_norm_f32(std::size_t rows, std::size_t cols, const float* x, const float* weight,
                  float epsilon, float* y) noexcept {
  parallel_for(rows, 16, [&](std::size_t r) {
    double sum = 0;
    for (std::size_t c = 0; c < cols; ++c) sum += double{x[r * cols + c]} * double{x[r * cols + c]};
    const auto scale =
        static_cast<float>(1.0 / std::sqrt(sum / static_cast<double>(cols) + double{epsilon}));
    for (std::size_t c = 0; c < cols; ++c) y[r * cols + c] = x[r * cols + c] * scale * weight[c];
  });
}

void silu_mul_f32(std::size_t count, const float* gate, const float* up, float* out) noexcept {
  parallel_for(count, 4096,
               [&](std::size_t i) { out[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i]; });
}

void add_f32(std::size_t count, const float* x, float* y) noexcept {
  for (std::size_t i = 0; i < count; ++i) y[i] += x[i];
}

void add_bias_f32(std::size_t rows, std::size_t cols, const float* bias, float* y) noexcept {
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c) y[r * cols + c] += bias[c];
}

void softmax_f32(std::size_t rows, std::size_t cols, float* x) noexcept {
  parallel_for(rows, 1, [&](std::size_t r) {
    float* row = x + r * cols;
    float highest = row[0], sum = 0;
    for (std::size_t c = 1; c < cols; ++c) highest = std::fmax(highest, row[c]);
    for (std::size_t c = 0; c < cols; ++c) sum += row[c] = std::exp(row[c] - highest);
    for (std::size_t c = 0; c < cols; ++c) row[c] /= sum;
  });
}

void log_sum_exp_f32(std::size_t rows, std::size_t cols, const float* x, double* out) noexcept {
  parallel_for(rows, 1, [&](std::size_t r) {
    const float* row = x + r * cols;
    float highest = row[0];
    double sum = 0;
    for (std::size_t c = 1; c < cols; ++c) highest = std::fmax(highest, row[c]);
    for (std::size_t c = 0; c < cols; ++c) sum += double{std::exp(row[c] - highest)};
    out[r] = double{highest} + std::log(sum);
  });
}

void rope_f32(std::size_t rows, std::size_t heads, std::size_t head_dim, const float* cosine,
              const float* sine, float* x, std::size_t ldx) noexcept {
  const std::size_t half = head_dim / 2;
  parallel_for(rows, 16, [&](std::size_t r) {
    for (std::size_t h = 0; h < heads; ++h) {
      float* low = x + r * ldx + h * head_dim;
      for (std::size_t i = 0; i < half; ++i) {
        const float c = cosine[r * half + i], s = sine[r * half + i], a = low[i], b = low[i + half];
        low[i] = a * c - b * s;
        low[i + half] = b * c + a * s;
      }
    }
  });
}

void f16_to_f32(std::size_t count, const std::uint16_t* in, float* out) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t sign = static_cast<std::uint32_t>(in[i] & 0x8000u) << 16;
    const std::uint32_t exponent = (in[i] >> 10) & 31u, mantissa = in[i] & 0x3ffu;
    if (exponent == 0) {
      out[i] = std::copysign(static_cast<float>(mantissa) * 0x1p-24f,
                             std::bit_cast<float>(sign | 0x3f800000u));
    } else {
      const std::uint32_t wide = exponent == 31 ? 0x7f800000u : (exponent + 112) << 23;
      out[i] = std::bit_cast<float>(sign | wide | (mantissa << 13));
    }
  }
}

void bf16_to_f32(std::size_t count, const std::uint16_t* in, float* out) noexcept {
  for (std::size_t i = 0; i < count; ++i)
    out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(in[i]) << 16);
}

}  // namespace libquant::kernels
