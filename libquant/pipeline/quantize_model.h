#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "libquant/algorithms/quantize_layer.h"
#include "libquant/checkpoint/checkpoint.h"
#include "libquant/checkpoint/formats.h"
#include "libquant/checkpoint/write_checkpoint.h"
#include "libquant/core/progress.h"

namespace libquant {

/// Text for calibration: windows of `window` tokens are drawn from the tokenized text, evenly
/// spread (seed = 0) or at seeded offsets.
struct CalibrationOptions {
  std::vector<std::filesystem::path> texts;
  std::size_t windows = 32;
  std::size_t window = 512;
  std::uint64_t seed = 0;
};

/// Settings of the layers whose name matches a PCRE2 pattern ("down_proj", "layers\\.0\\."); later
/// entries win. Unset fields keep the general setting.
struct LayerOverride {
  std::string pattern;
  bool ignore = false;  ///< keep the layer dense
  std::optional<int> bits;
  std::optional<std::size_t> group_size;
  std::optional<ZeroKind> zero;
  std::optional<double> damping;
};

struct QuantizeOptions {
  LayerOptions layer;
  CalibrationOptions calibration;
  std::vector<LayerOverride> overrides;
  std::optional<std::size_t> group_fallback;  ///< group for matrices that the group does not divide
  std::size_t max_fallback = 0;  ///< layers that may fall back to RTN before it is a failure
  std::vector<Format> formats{Format::compressed_tensors};
  WriteOptions write;            ///< types and shard size; its `format` is not used
  std::filesystem::path output;  ///< folder; each format gets a sub-folder when several
  bool resume = false;
  bool overwrite = false;  ///< allow a non-empty output folder made by libquant
};

struct NamedLayerReport {
  std::string name;
  Scheme scheme;
  LayerReport report;
};

struct QuantizeReport {
  std::string source, source_type, source_hash, isa, version;
  std::vector<NamedLayerReport> layers;
  std::size_t layers_ignored = 0, group_fallbacks = 0, method_fallbacks = 0, blocks_resumed = 0;
  std::size_t calibration_tokens = 0, calibration_tokens_available = 0;
  std::size_t quantized_bytes = 0, source_bytes = 0;
  double expected_peak_bytes = 0, peak_anonymous_bytes = 0;  ///< anonymous resident memory
  double floor_flops = 0;  ///< one forward + Hessians as SYRK + solves
  double seconds = 0, forward_seconds = 0, hessian_seconds = 0, solve_seconds = 0,
         write_seconds = 0;
  std::vector<std::filesystem::path> files;
};

/// What a run needs before it starts: printed by the program, kept in the report.
struct QuantizePlan {
  std::size_t layers = 0;
  double expected_peak_bytes = 0;
  double floor_flops = 0;
};
/// Checks everything that can be checked without computing: formats against every layer's scheme,
/// groups, patterns that match nothing, calibration text, output folder. Throws as quantize_model.
QuantizePlan plan_quantization(const Checkpoint& source, const QuantizeOptions& options);

/// Quantizes a model block by block and writes it in every format asked for. Holds one block in
/// fp32, its Hessians and the calibration activations; finished blocks go to
/// `output`/.libquant-work and a later call with `resume` continues after them, ending with the
/// same bytes. A work folder of other options or another source is refused with the reason. Not
/// thread-safe on the same output.
QuantizeReport quantize_model(const Checkpoint& source, const QuantizeOptions& options,
                              const ProgressCallback& progress = {});

}  // namespace libquant
