#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/io/stored_tensor.h"

namespace libquant {

/// What a safetensors file holds; the tensors are views into the bytes it was read from.
struct SafetensorsContents {
  std::vector<StoredTensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// SafetensorsFile without the file, so that the fuzzer can hand over bytes whose end the address
/// sanitizer watches. `source` names them in errors.
SafetensorsContents parse_safetensors(std::span<const std::byte> bytes, std::string_view source);

inline constexpr std::string_view kSafetensorsMetadataKey = "__metadata__";

}  // namespace libquant
