#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace libquant {

/// IEEE binary16 and bfloat16 as bit patterns. Narrowing rounds to nearest, ties to even;
/// overflow gives infinity, NaN stays a (quiet) NaN.
float f16_to_f32(std::uint16_t bits) noexcept;
std::uint16_t f32_to_f16(float value) noexcept;
float bf16_to_f32(std::uint16_t bits) noexcept;
std::uint16_t f32_to_bf16(float value) noexcept;
/// Each of `from`, several at a time; `to` has room for as many.
void f32s_to_f16(std::span<const float> from, std::uint16_t* to) noexcept;
void f32s_to_bf16(std::span<const float> from, std::uint16_t* to) noexcept;

}  // namespace libquant
