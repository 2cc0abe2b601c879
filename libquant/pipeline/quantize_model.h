#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "libquant/algorithms/quantize_layer.h"
#include "libquant/checkpoint/checkpoint.h"
#include "libquant/checkpoint/formats.h"
#include "libquant/checkpoint/write_checkpoint.h"
#include "libquant/core/progress.h"
#include "libquant/fairness/options.h"
#include "libquant/pipeline/bit_plan.h"
#include "libquant/pipeline/calibration.h"
#include "libquant/pipeline/quantize_report.h"
#include "libquant/pipeline/refine_options.h"

namespace libquant {

/// Settings of the layers whose name ("model.layers.0.mlp.down_proj") contains a match of a PCRE2
/// pattern ("down_proj", "layers\\.0\\."); later entries win. Unset fields keep the general
/// setting. A pattern that matches nothing is an error.
struct LayerOverride {
  std::string pattern;
  bool ignore = false;  ///< keep the layer dense
  std::optional<int> bits;
  std::optional<std::size_t> group_size;
  std::optional<ZeroKind> zero;
  std::optional<double> damping;
};

/// What a run needs before it starts: printed by the program, kept in the report.
struct QuantizePlan {
  std::size_t layers = 0;  ///< to be quantized
  Scheme scheme;           ///< of the first of them, as the formats need it
  std::vector<std::string> ignored;
  std::size_t group_fallbacks = 0;
  std::size_t calibration_tokens = 0, calibration_tokens_available = 0;
  double expected_peak_bytes = 0;                 ///< anonymous resident memory
  double expected_disk_bytes = 0;                 ///< work folder and results together
  double floor_flops = 0;                         ///< one forward + Hessians as SYRK + solves
  std::size_t probe_items = 0, probe_tokens = 0;  ///< of the fairness statistics
  std::size_t trials = 0, trial_items = 0;        ///< of a search of settings
  double trial_flops = 0;                         ///< of each of them
};

struct QuantizeOptions {
  LayerOptions layer;
  /// Needed for gptq, a weighted clip search, a scale refit and a refinement. Plain rtn does not
  /// read it, needs no forward pass, and reports plain errors.
  CalibrationOptions calibration;
  /// Off without probes. Adds a pass over the original model before the first block. With trials
  /// (FairnessOptions::search) its settings and those of the clip search are only where the search
  /// begins; models that are tried are quantized and judged, but not written.
  FairnessOptions fairness;
  /// Off unless steps are asked for. Comes after the last block, and after a search of settings,
  /// whose trials are judged without it.
  RefineOptions refine;
  std::vector<LayerOverride> overrides;
  /// Bits of every layer, from plan_bits or a file; overrides win. A plan that names a layer which
  /// the model lacks, or lacks one that is quantized, is an error.
  std::optional<BitPlan> bit_plan;
  std::optional<std::size_t> group_fallback;  ///< group for matrices that the group does not divide
  std::size_t max_fallback = 0;  ///< layers that may fall back to RTN before it is a failure
  /// Each must hold every layer's scheme exactly; Format::safetensors holds any, as dense values
  /// rounded to `write.dense_type`.
  std::vector<Format> formats{Format::compressed_tensors};
  WriteOptions write;            ///< types and shard size; its `format` is not used
  std::filesystem::path output;  ///< folder; each format gets a sub-folder when several
  std::string source_name;       ///< how reports call the source, a path mostly
  bool resume = false;           ///< go on with the unfinished run in `output`, if there is one
  bool overwrite = false;        ///< replace an earlier result or unfinished run in `output`
  /// Called once, when all checks have passed and before the work starts.
  std::function<void(const QuantizePlan&)> on_plan;
};

/// Checks everything that can be checked without computing: formats against every layer's scheme,
/// groups, patterns that match nothing, calibration text, output folder, free disk. Throws as
/// quantize_model.
QuantizePlan plan_quantization(const Checkpoint& source, const QuantizeOptions& options);

/// Quantizes a model block by block and writes it in every format asked for, with a
/// quantize_report.json beside it.
///
/// Memory: holds one block in fp32, one Hessian with its factor and the hidden states of the
/// calibration tokens; inputs of wide layers lie in a scratch file. Weights stay mapped.
///
/// Interruption: finished blocks go to `output`/.libquant-work, each committed by one rename. A
/// later call with `resume` continues after them and ends with the same bytes, whatever stopped the
/// first (signal, full disk, progress callback). A work folder of other options, another source,
/// version or instruction set is refused, naming the difference. A search of settings keeps its
/// finished trials in `output`/.libquant-search in the same way. With `resume` and a finished run
/// of the same options nothing is computed.
///
/// Throws InvalidArgument (options, patterns, non-finite weights), NotSupported (a format that
/// cannot hold a scheme, naming those that can), FormatError (source), Interrupted, Error (disk,
/// text, non-finite activations naming the layer). Layers that fell back do not throw: see
/// QuantizeReport::too_many_fallbacks(). Same bytes at any thread count. Not thread-safe on the
/// same output (a lock refuses a second process).
QuantizeReport quantize_model(const Checkpoint& source, const QuantizeOptions& options,
                              const ProgressCallback& progress = {});

}  // namespace libquant
