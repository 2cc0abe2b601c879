#include "kernels/cpu/dispatch.h"
#include "kernels/gemm.h"
#include "kernels/gemm_driver.h"
#include "kernels/half.h"

namespace libquant::kernels {
namespace {

struct Bf16Linear {
  std::size_t tokens, outputs, inputs;
  const float* x;
  std::size_t ldx;
  const std::uint16_t* w;
  std::size_t ldw;
  bool accumulate;
  float* y;
  std::size_t ldy;
};

float rounded(float value) noexcept { return float_of_bf16(bf16_of_float(value)); }

// What the last column of an odd number adds. The pairs came first.
void add_last(const Bf16Linear& l) noexcept {
  const std::size_t last = l.inputs - 1;
  parallel_for(l.tokens, 8, [&](std::size_t t) {
    const float value = rounded(l.x[t * l.ldx + last]);
    for (std::size_t o = 0; o < l.outputs; ++o)
      l.y[t * l.ldy + o] += value * float_of_bf16(l.w[o * l.ldw + last]);
  });
}

// The pairs of every row of x, rounded.
const Bf16Pair* rounded_rows(const Bf16Table& table, const Bf16Linear& l,
                             std::size_t pairs) noexcept {
  auto* rows = static_cast<Bf16Pair*>(scratch(Scratch::left, l.tokens * pairs * sizeof(Bf16Pair)));
  for (std::size_t t = 0; t < l.tokens; ++t) table.round(pairs, l.x + t * l.ldx, rows + t * pairs);
  return rows;
}

void multiply_pairs(const Bf16Table& table, const Bf16Linear& l) noexcept {
  const std::size_t pairs = l.inputs / 2;
  if (l.tokens > kFewTokens || l.ldw % 2 != 0) {
    const Part<std::uint16_t, float> part{
        {l.w, 2, static_cast<std::ptrdiff_t>(l.ldw)}, l.outputs, l.y, l.ldy};
    gemm(table.gemm, l.tokens, pairs, Operand<float>{l.x, static_cast<std::ptrdiff_t>(l.ldx), 2},
         &part, 1, l.accumulate);
    return;
  }
  constexpr std::size_t kRows = 32;
  const Bf16Pair* x = rounded_rows(table, l, pairs);
  const auto* w = reinterpret_cast<const Bf16Pair*>(l.w);
  parallel_for(ceil_div(l.outputs, kRows), 1, [&](std::size_t i) {
    const std::size_t o = i * kRows;
    table.linear_rows(l.tokens, smaller(kRows, l.outputs - o), pairs, x, pairs, w + o * (l.ldw / 2),
                      l.ldw / 2, l.accumulate, l.y + o, l.ldy);
  });
}

}  // namespace

bool has_bf16() { return active_bf16() != nullptr; }

void linear_bf16(std::size_t tokens, std::size_t outputs, std::size_t inputs, const float* x,
                 std::size_t ldx, const std::uint16_t* w, std::size_t ldw, bool accumulate,
                 float* y, std::size_t ldy) noexcept {
  const Bf16Linear linear{tokens, outputs, inputs, x, ldx, w, ldw, accumulate, y, ldy};
  multiply_pairs(*active_bf16(), linear);
  if (inputs % 2 != 0) add_last(linear);
}

}  // namespace libquant::kernels
