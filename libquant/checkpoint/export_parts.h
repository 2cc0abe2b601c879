#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/checkpoint/output_plan.h"
#include "libquant/checkpoint/write_checkpoint.h"
#include "libquant/core/progress.h"

namespace libquant {

/// Counts work and asks the callback; throws Interrupted when it says stop.
class ExportProgress {
 public:
  ExportProgress(const ProgressCallback& callback, double total)
      : callback_(callback), total_(total) {}
  void advance(std::string_view stage, std::size_t bytes);

 private:
  const ProgressCallback& callback_;
  double done_ = 0;
  double total_;
};

/// Writes the files of a Hugging Face folder into `folder`, which exists and is empty.
void write_hf_folder(const Checkpoint& source, const std::vector<PlannedTensor>& plan,
                     const WriteOptions& options, const std::filesystem::path& folder,
                     ExportProgress& progress);

/// Writes one GGUF file.
void write_gguf_file(const Checkpoint& source, const std::vector<PlannedTensor>& plan,
                     const WriteOptions& options, const std::filesystem::path& path,
                     ExportProgress& progress);

/// Throw what the functions above would for the config and the tokenizer of `source`.
void check_hf_folder(const Checkpoint& source, const WriteOptions& options);
void check_gguf_file(const Checkpoint& source, const WriteOptions& options);

/// Throws Error naming the first tensor, setting or token in which `written` differs from what
/// `plan` makes of `source`.
void verify_export(const Checkpoint& source, const std::vector<PlannedTensor>& plan,
                   const WriteOptions& options, const Checkpoint& written,
                   ExportProgress& progress);

}  // namespace libquant
