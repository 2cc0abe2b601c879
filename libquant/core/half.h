#pragma once

#include <cstddef>
#include <cstdint>

namespace libquant {

/// IEEE binary16 and bfloat16 as bit patterns. Narrowing rounds to nearest, ties to even;
/// overflow gives infinity, NaN stays a (quiet) NaN.
float f16_to_f32(std::uint16_t bits) noexcept;
std::uint16_t f32_to_f16(float value) noexcept;
float bf16_to_f32(std::uint16_t bits) noexcept;
std::uint16_t f32_to_bf16(float value) noexcept;

}  // namespace libquant
