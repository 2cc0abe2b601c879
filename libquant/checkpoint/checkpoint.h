#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/io/gguf.h"
#include "libquant/io/json.h"
#include "libquant/model/weight_source.h"
#include "libquant/tokenizer/tokenizer_spec.h"

namespace libquant {

/// What an export takes over from a source beside its weights and tokenizer.
struct SourceFiles {
  Json config_json;      ///< config.json of a folder (quantization_config included), null for GGUF
  GgufMetadata general;  ///< the "general.*" entries of a GGUF: name, license, ...; else empty
  std::vector<std::filesystem::path> tokenizer_files;  ///< of a folder: copied byte for byte
};

/// A model as it lies on disk: weights plus tokenizer and provenance. A source that stands for
/// another one (some of its tensors replaced) forwards everything below to it.
class Checkpoint : public WeightSource {
 public:
  /// Read on first use; throws as tokenizer_from_json, FormatError when there is none.
  virtual const TokenizerSpec& tokenizer() const = 0;
  /// "gguf", "safetensors", "compressed-tensors", "gptq", "gptq_v2".
  virtual std::string format() const = 0;
  /// XXH3-128 over the config, the tokenizer and names, types, shapes and bytes of all tensors.
  /// Reads everything.
  virtual std::string content_hash() const = 0;
  virtual const SourceFiles& source_files() const = 0;
  /// generation_config.json of a Hugging Face folder (null if none): copied on export.
  virtual const Json& generation_config() const = 0;
  void release(std::string_view name) const override = 0;
};

/// Opens a .gguf file, or a folder with config.json and safetensors (dense, compressed-tensors
/// pack-quantized, GPTQ v1/v2 with or without g_idx). Everything is memory-mapped and checked
/// against the config; nothing is decoded yet. Throws Error, FormatError or NotSupported (unknown
/// architecture, quantization scheme), naming file and tensor or key.
std::unique_ptr<Checkpoint> open_checkpoint(const std::filesystem::path& path);

}  // namespace libquant
