#pragma once

#include <filesystem>
#include <vector>

#include "libquant/core/progress.h"
#include "libquant/pipeline/quantize_model.h"
#include "libquant/pipeline/quantized_checkpoint.h"
#include "libquant/pipeline/work_folder.h"

namespace libquant {

/// Where a format's model lies in the output folder: the folder itself for a single format, else
/// one named like the format; "model.gguf" in it for gguf.
std::filesystem::path output_path(const QuantizeOptions& options, Format format);

/// Writes every format below the work folder and has it verified there. Returns the files,
/// relative to the output folder.
std::vector<std::filesystem::path> stage_outputs(const QuantizedCheckpoint& model,
                                                 const QuantizeOptions& options,
                                                 const WorkFolder& work,
                                                 const ProgressCallback& progress);

/// Moves staged files to their places, removing those of an earlier result, and writes the report.
/// May be interrupted and repeated.
void publish_outputs(const WorkFolder& work, const QuantizeOptions& options,
                     const QuantizeReport& report, const Json& fingerprint);

}  // namespace libquant
