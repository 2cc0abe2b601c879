#include "kernels/elementwise.h"

#include "kernels/cpu/dispatch.h"
#include "kernels/threads.h"

namespace libquant::kernels {
namespace {

// Elements that one thread takes at a time: fewer are done before a second thread has woken up.
constexpr std::size_t kGrain = 16384;

// body(first, count) over ranges of [0, total), where one index stands for `each` elements.
template <typename Body>
void by_ranges(std::size_t total, std::size_t each, const Body& body) noexcept {
  const std::size_t range = each >= kGrain ? 1 : kGrain / (each == 0 ? 1 : each);
  parallel_for((total + range - 1) / range, 1, [&](std::size_t i) {
    const std::size_t first = i * range;
    body(first, total - first < range ? total - first : range);
  });
}

}  // namespace

void rms_norm_f32(std::size_t rows, std::size_t cols, const float* x, const float* weight,
                  float epsilon, float* y) noexcept {
  const KernelTable& table = active();
  by_ranges(rows, cols, [&](std::size_t r, std::size_t count) {
    table.rms_norm(count, cols, x + r * cols, weight, epsilon, y + r * cols);
  });
}

void silu_mul_f32(std::size_t count, const float* gate, const float* up, float* out) noexcept {
  const KernelTable& table = active();
  by_ranges(count, 1,
            [&](std::size_t i, std::size_t n) { table.silu_mul(n, gate + i, up + i, out + i); });
}

void add_f32(std::size_t count, const float* x, float* y) noexcept {
  const KernelTable& table = active();
  by_ranges(count, 1, [&](std::size_t i, std::size_t n) { table.add(n, x + i, y + i); });
}

void add_bias_f32(std::size_t rows, std::size_t cols, const float* bias, float* y) noexcept {
  const KernelTable& table = active();
  by_ranges(rows, cols, [&](std::size_t r, std::size_t count) {
    for (std::size_t i = r; i < r + count; ++i) table.add(cols, bias, y + i * cols);
  });
}

void softmax_f32(std::size_t rows, std::size_t cols, float* x) noexcept {
  const KernelTable& table = active();
  by_ranges(rows, cols,
            [&](std::size_t r, std::size_t count) { table.softmax(count, cols, x + r * cols); });
}

void log_sum_exp_f32(std::size_t rows, std::size_t cols, const float* x, double* out) noexcept {
  const KernelTable& table = active();
  by_ranges(rows, cols, [&](std::size_t r, std::size_t count) {
    table.log_sum_exp(count, cols, x + r * cols, out + r);
  });
}

void rope_f32(std::size_t rows, std::size_t heads, std::size_t head_dim, const float* cosine,
              const float* sine, float* x, std::size_t ldx) noexcept {
  const KernelTable& table = active();
  const std::size_t half = head_dim / 2;
  by_ranges(rows, heads * head_dim, [&](std::size_t r, std::size_t count) {
    table.rope(count, heads, head_dim, cosine + r * half, sine + r * half, x + r * ldx, ldx);
  });
}

void f16_to_f32(std::size_t count, const std::uint16_t* in, float* out) noexcept {
  const KernelTable& table = active();
  by_ranges(count, 1, [&](std::size_t i, std::size_t n) { table.f16_to_f32(n, in + i, out + i); });
}

void bf16_to_f32(std::size_t count, const std::uint16_t* in, float* out) noexcept {
  const KernelTable& table = active();
  by_ranges(count, 1, [&](std::size_t i, std::size_t n) { table.bf16_to_f32(n, in + i, out + i); });
}

}  // namespace libquant::kernels
