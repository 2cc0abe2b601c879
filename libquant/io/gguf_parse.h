#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "libquant/io/gguf.h"
#include "libquant/io/stored_tensor.h"

namespace libquant {

/// What a GGUF file holds; the tensors are views into the bytes it was read from.
struct GgufContents {
  GgufMetadata metadata;
  std::vector<StoredTensor> tensors;
  std::vector<std::size_t> by_name;  ///< their positions in the order of their names, all different
};

/// GgufFile without the file, so that the fuzzer can hand over bytes whose end the address
/// sanitizer watches. `source` names them in errors.
GgufContents parse_gguf(std::span<const std::byte> bytes, std::string_view source);

inline constexpr std::uint32_t kGgufDefaultAlignment = 32;
inline constexpr std::string_view kGgufAlignmentKey = "general.alignment";
/// `general.alignment`, checked to be a power of two. Throws FormatError.
std::size_t gguf_alignment(const GgufMetadata& metadata);

/// Type numbers of metadata values (enum gguf_metadata_value_type).
enum GgufWire : std::uint32_t {
  kWireU8,
  kWireI8,
  kWireU16,
  kWireI16,
  kWireU32,
  kWireI32,
  kWireF32,
  kWireBool,
  kWireString,
  kWireArray,
  kWireU64,
  kWireI64,
  kWireF64,
};

}  // namespace libquant
