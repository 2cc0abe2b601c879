#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "libquant/core/dtype.h"

namespace libquant {

/// Type numbers of ggml (enum ggml_type).
std::optional<DType> dtype_of_ggml(std::uint32_t type) noexcept;
/// Empty for types that GGUF has no number for (U8, BOOL).
std::optional<std::uint32_t> ggml_of_dtype(DType type) noexcept;
/// Name of a number that ggml has or had but libquant does not read ("Q2_K"); empty if unknown.
std::string_view unsupported_ggml_name(std::uint32_t type) noexcept;

}  // namespace libquant
