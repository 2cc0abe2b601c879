#pragma once

#include <filesystem>
#include <memory>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/io/gguf.h"

namespace libquant {

/// Opens a GGUF file of architecture llama (Llama, Mistral), qwen2 or qwen3. Names and the order of
/// q and k rows become Hugging Face's. Tensors of type Q4_0, Q4_1 and Q8_0 also give their codes.
/// Errors as open_checkpoint.
std::unique_ptr<Checkpoint> open_gguf_file(const std::filesystem::path& path);

}  // namespace libquant
