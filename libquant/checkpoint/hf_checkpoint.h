#pragma once

#include <filesystem>
#include <memory>

#include "libquant/checkpoint/checkpoint.h"

namespace libquant {

/// Opens a folder with config.json and safetensors: dense (F32, F16, BF16), compressed-tensors
/// pack-quantized, GPTQ. Errors as open_checkpoint.
std::unique_ptr<Checkpoint> open_hf_folder(const std::filesystem::path& folder);

}  // namespace libquant
