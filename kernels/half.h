#pragma once

#include <cstdint>

namespace libquant::kernels {

/// One value of IEEE binary16 or bfloat16 as a bit pattern. Narrowing rounds to nearest, ties to
/// even; overflow gives infinity, NaN stays a (quiet) NaN.
float float_of_f16(std::uint16_t bits) noexcept;
std::uint16_t f16_of_float(float value) noexcept;
float float_of_bf16(std::uint16_t bits) noexcept;
std::uint16_t bf16_of_float(float value) noexcept;

}  // namespace libquant::kernels
