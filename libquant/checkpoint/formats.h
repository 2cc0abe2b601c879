#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "libquant/core/dtype.h"
#include "libquant/quant/scheme.h"

namespace libquant {

/// Files that libquant writes.
enum class Format : std::uint8_t {
  compressed_tensors,  ///< folder, pack-quantized: vLLM, SGLang, transformers
  gptq,                ///< folder, GPTQ v1: vLLM, SGLang, GPTQModel
  gptq_v2,             ///< folder, GPTQ v2
  gguf,                ///< one file: llama.cpp
  safetensors,         ///< folder, dense
};
std::string_view to_string(
    Format format) noexcept;  ///< "compressed-tensors", "gptq", "gptq_v2", ...
Format format_from(std::string_view name);
std::span<const Format> formats() noexcept;

/// Empty when `format` holds a matrix of `scheme` without changing one value; else the reason, for
/// people. docs/formats.md has this as a table, made from here.
std::string why_not(Format format, const Scheme& scheme, std::size_t rows, std::size_t cols);

/// Bytes that the file takes for such a matrix, codes and everything beside them; of a folder of
/// dense values what compressed-tensors would take. why_not() must be empty.
std::uint64_t packed_bytes(Format format, const Scheme& scheme, std::size_t rows, std::size_t cols);

/// The scheme as the format needs it, before anything is quantized: GPTQ and GGUF store f16 scales,
/// compressed-tensors scales of the model's own type (`dense_type`, see WriteOptions: vLLM would
/// round others); GPTQ v1 needs zeros >= 1. Adapting for several formats in turn is right when
/// why_not() is empty for all of them afterwards.
Scheme adapt(Format format, Scheme scheme, DType dense_type = DType::bf16);

}  // namespace libquant
