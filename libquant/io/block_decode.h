#pragma once

#include <cstddef>

#include "libquant/core/dtype.h"

namespace libquant {

/// Decodes one block of a GGUF block type: `traits(type).block_bytes` bytes at any address to
/// `traits(type).block_elements` values.
using BlockDecoder = void (*)(const std::byte* block, float* out) noexcept;

/// nullptr unless traits(type).quantized.
BlockDecoder block_decoder(DType type) noexcept;

}  // namespace libquant
