#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace libquant {

/// Element types of stored tensors: scalars, and the block types of GGUF that libquant reads.
enum class DType : std::uint8_t {
  f64,
  f32,
  f16,
  bf16,
  i64,
  i32,
  i16,
  i8,
  u8,
  boolean,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q4_k,
  q5_k,
  q6_k,
};

/// Storage facts of a type: `block_elements` consecutive values of a row take `block_bytes` bytes.
struct DTypeTraits {
  std::string_view name;  ///< "F16", "Q4_1": the spelling of safetensors and GGUF
  std::size_t block_elements;
  std::size_t block_bytes;
  bool quantized;  ///< a GGUF block type: reports call a source by it, never "16 bit"
};

const DTypeTraits& traits(DType type) noexcept;
inline std::string_view to_string(DType type) noexcept { return traits(type).name; }

}  // namespace libquant
