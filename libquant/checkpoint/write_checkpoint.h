#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/checkpoint/formats.h"
#include "libquant/core/dtype.h"
#include "libquant/core/progress.h"

namespace libquant {

struct WriteOptions {
  Format format = Format::compressed_tensors;
  /// Stored type of tensors that are not quantized: bf16, f16 or f32 (norms are always f32 in
  /// GGUF); in GGUF also q8_0 for embeddings and lm_head.
  DType dense_type = DType::bf16;
  DType embedding_type = DType::bf16;
  std::size_t shard_bytes = std::size_t{5} << 30;
  std::map<std::string, std::string>
      metadata;  ///< libquant version, source, options: kept in the file
};

/// Throws what write_checkpoint would throw for the stored types, the config (rotary scaling,
/// windows) and the tokenizer of `source`, without looking at its weights: to be called before the
/// work whose result is to be written. why_not() tells which schemes a format holds.
void check_writable(const Checkpoint& source, const WriteOptions& options);

/// Writes a loadable model: weights, config, tokenizer, chat template, generation config. Matrices
/// of the blocks for which `source.quantized()` has codes are packed, all others are stored dense
/// (Format::safetensors stores everything dense). `path` is a folder (created; must be empty or
/// absent) or, for gguf, a file. Written under a temporary name and renamed when complete.
/// Afterwards everything is read back and compared with `source` (codes and group parameters
/// exactly, dense tensors exactly after rounding to their stored type); a difference throws Error.
/// Returns the files written.
std::vector<std::filesystem::path> write_checkpoint(const Checkpoint& source,
                                                    const std::filesystem::path& path,
                                                    const WriteOptions& options,
                                                    const ProgressCallback& progress = {});

}  // namespace libquant
