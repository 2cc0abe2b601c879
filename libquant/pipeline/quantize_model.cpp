#include "libquant/pipeline/quantize_model.h"

#include <algorithm>
#include <chrono>

#include "kernels/cpu/dispatch.h"
#include "kernels/fma_probe.h"
#include "libquant/core/error.h"
#include "libquant/core/version.h"
#include "libquant/pipeline/fingerprint.h"
#include "libquant/pipeline/prepare.h"
#include "libquant/pipeline/process_memory.h"
#include "libquant/pipeline/run.h"
#include "libquant/pipeline/settings_search.h"
#include "libquant/pipeline/work_folder.h"
#include "libquant/pipeline/write_outputs.h"

namespace libquant {
namespace {

constexpr double kProbeSeconds = 0.05;

QuantizeReport planned_report(const Checkpoint& source, const QuantizeOptions& options,
                              const QuantizePlan& plan, const Json& fingerprint) {
  QuantizeReport report;
  report.source = options.source_name;
  report.source_type = source.type_name();
  report.source_hash = fingerprint.at("source_hash").as_string("source_hash");
  report.isa = kernels::active().name;
  report.version = version();
  report.method = to_string(options.layer.method);
  report.bit_plan = options.bit_plan;
  report.ignored = plan.ignored;
  report.group_fallbacks = plan.group_fallbacks;
  report.max_fallback = options.max_fallback;
  report.calibration_tokens = plan.calibration_tokens;
  report.calibration_tokens_available = plan.calibration_tokens_available;
  report.expected_peak_bytes = plan.expected_peak_bytes;
  report.floor_flops = plan.floor_flops;
  return report;
}

// Begins with the call.
struct CallMeters {
  std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
  PeakMemory memory;
  double expected_peak_bytes = 0;  // of what came before the run itself
};

// A search left unfinished is not gone on with by a run without one.
void check_no_search(const QuantizeOptions& options) {
  const auto folder = search_folder(options.output);
  if (!std::filesystem::exists(folder)) return;
  require(options.overwrite,
          "{} holds an unfinished search of settings: go on with its options, or start again "
          "(--overwrite)",
          options.output.string());
  const FolderLock lock(folder);
  std::filesystem::remove_all(folder);
}

QuantizeReport quantize_as_told(const Checkpoint& source, const QuantizeOptions& options,
                                const SearchReport* search, CallMeters& meters,
                                const ProgressCallback& progress) {
  const Prepared prepared = prepare(source, options);
  const Json fingerprint =
      make_fingerprint(source, options, prepared.layers, prepared.calibration, prepared.fair.get());
  if (search == nullptr && options.resume && output_state(options.output) == OutputState::finished)
    return finished_report(options.output, fingerprint);
  if (options.on_plan) options.on_plan(prepared.plan);
  if (progress && !progress({"checking weights", 0, 1}))
    fail<Interrupted>("stopped before the start");
  check_finite_weights(source);

  // Before and after, because a machine's clock and neighbours change during a run.
  const auto probe = [&] {
    return prepared.plan.floor_flops > 0 ? kernels::fma_flops_per_second(kProbeSeconds) : 0;
  };
  const double probe_before = probe();
  QuantizeRun run(source, options, prepared, fingerprint, progress);
  run.compute();
  run.refine();
  QuantizeReport report = planned_report(source, options, prepared.plan, fingerprint);
  run.write(report);
  if (search != nullptr) report.search = *search;
  report.probe_flops = std::max(probe_before, probe());
  report.expected_peak_bytes = std::max(report.expected_peak_bytes, meters.expected_peak_bytes);
  report.peak_anonymous_bytes = meters.memory.bytes();
  report.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - meters.begin).count();
  run.publish(report);
  return report;
}

QuantizeReport search_and_quantize(const Checkpoint& source, const QuantizeOptions& options,
                                   CallMeters& meters, const ProgressCallback& progress) {
  Prepared prepared = prepare(source, options);
  require(prepared.fair != nullptr, "a search of settings needs a fairness term, thus probes");
  SettingsSearch search(source, options, prepared);
  if (auto report = search.finished()) {
    search.remove();
    return *std::move(report);
  }
  if (options.on_plan) options.on_plan(prepared.plan);
  meters.expected_peak_bytes = prepared.plan.expected_peak_bytes;
  check_finite_weights(source);
  // Writing the winner is a small share of what comes before.
  constexpr double kWriting = 0.02;
  ProgressMeter meter(progress, 1 + kWriting);
  const SearchReport found = search.run(meter.part(1));
  const QuantizeOptions chosen = search.adopt(found);
  QuantizeReport report = quantize_as_told(source, chosen, &found, meters,
                                           meter.part(kWriting, "writing the best trial"));
  search.remove();
  return report;
}

}  // namespace

QuantizePlan plan_quantization(const Checkpoint& source, const QuantizeOptions& options) {
  return prepare(source, options).plan;
}

QuantizeReport quantize_model(const Checkpoint& source, const QuantizeOptions& options,
                              const ProgressCallback& progress) {
  CallMeters meters;
  if (options.fairness.search.trials > 0)
    return search_and_quantize(source, options, meters, progress);
  check_no_search(options);
  return quantize_as_told(source, options, nullptr, meters, progress);
}

}  // namespace libquant
