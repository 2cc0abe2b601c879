#include "libquant/core/half.h"

#include "kernels/half.h"

namespace libquant {

float f16_to_f32(std::uint16_t bits) noexcept { return kernels::float_of_f16(bits); }
std::uint16_t f32_to_f16(float value) noexcept { return kernels::f16_of_float(value); }
float bf16_to_f32(std::uint16_t bits) noexcept { return kernels::float_of_bf16(bits); }
std::uint16_t f32_to_bf16(float value) noexcept { return kernels::bf16_of_float(value); }

void f32s_to_f16(std::span<const float> from, std::uint16_t* to) noexcept {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = kernels::f16_of_float(from[i]);
}
void f32s_to_bf16(std::span<const float> from, std::uint16_t* to) noexcept {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = kernels::bf16_of_float(from[i]);
}

}  // namespace libquant
