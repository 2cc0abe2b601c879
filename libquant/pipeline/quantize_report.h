#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "libquant/algorithms/quantize_layer.h"
#include "libquant/io/json.h"
#include "libquant/pipeline/bit_plan.h"
#include "libquant/pipeline/fair_report.h"
#include "libquant/pipeline/refine_options.h"
#include "libquant/pipeline/search_report.h"
#include "libquant/quant/scheme.h"

namespace libquant {

struct NamedLayerReport {
  std::string name;
  Scheme scheme;
  LayerReport report;
  std::optional<FairLayerReport> fairness;  ///< where the run has a fairness term
};

/// Everything there is to know about a finished run.
struct QuantizeReport {
  std::string source;       ///< QuantizeOptions::source_name
  std::string source_type;  ///< most frequent type of the source's matrices: "BF16", "Q4_1"
  std::string source_hash, isa, version, method;
  std::vector<NamedLayerReport> layers;
  std::vector<std::string> ignored;  ///< layers kept dense because a pattern asked for it
  std::vector<std::string> notes;    ///< what else people should know (a damaged work file, ...)
  std::size_t group_fallbacks = 0;   ///< layers on which the group did not divide the columns
  std::size_t method_fallbacks = 0;  ///< layers rounded to nearest because GPTQ failed on them
  std::size_t max_fallback = 0;      ///< as asked for
  std::size_t blocks = 0, blocks_resumed = 0;
  std::size_t calibration_tokens = 0, calibration_tokens_available = 0;
  std::size_t quantized_weights = 0;
  std::size_t source_bytes = 0;     ///< all tensors of the source, as stored
  std::size_t quantized_bytes = 0;  ///< all files of the first format
  double bits_per_weight = 0;       ///< of the quantized matrices, group parameters included
  double expected_peak_bytes = 0, peak_anonymous_bytes = 0;  ///< anonymous resident memory
  double floor_flops = 0;  ///< one forward + Hessians as SYRK + solves
  double probe_flops = 0;  ///< per second: FMA probe of this run, all threads
  double seconds = 0;      ///< wall-clock time of this call
  /// Of the parts of a run; of a resumed run, of all its calls together.
  double forward_seconds = 0, hessian_seconds = 0, solve_seconds = 0, write_seconds = 0;
  std::optional<FairReport> fairness;
  std::optional<BitPlan> bit_plan;           ///< where one was given
  std::optional<SearchReport> search;        ///< where settings were chosen by trials
  std::optional<RefineReport> refinement;    ///< errors of layers are those before it
  std::vector<std::filesystem::path> files;  ///< written, relative to the output folder

  /// More layers fell back to round-to-nearest than QuantizeOptions::max_fallback allows.
  bool too_many_fallbacks() const noexcept { return method_fallbacks > max_fallback; }
  /// The least time this machine could need: floor_flops at 0.8 of the probe. 0 without a forward.
  double floor_seconds() const noexcept {
    return probe_flops > 0 ? floor_flops / (0.8 * probe_flops) : 0;
  }
};

Json to_json(const NamedLayerReport& layer);
NamedLayerReport layer_report_from_json(const Json& json);
Json to_json(const QuantizeReport& report);
/// FormatError naming the key when one is missing or has another type.
QuantizeReport report_from_json(const Json& json);
/// Only the files that a run wrote, which reports of other versions of libquant name in the same
/// way.
std::vector<std::filesystem::path> files_of_report(const Json& json);

Json to_json(const Scheme& scheme);
Scheme scheme_from_json(const Json& json);

}  // namespace libquant
