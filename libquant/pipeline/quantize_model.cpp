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
#include "libquant/pipeline/work_folder.h"
#include "libquant/pipeline/write_outputs.h"

namespace libquant {
namespace {

constexpr double kProbeSeconds = 0.1;

QuantizeReport planned_report(const Checkpoint& source, const QuantizeOptions& options,
                              const QuantizePlan& plan, const Json& fingerprint) {
  QuantizeReport report;
  report.source = options.source_name;
  report.source_type = source.type_name();
  report.source_hash = fingerprint.at("source_hash").as_string("source_hash");
  report.isa = kernels::active().name;
  report.version = version();
  report.method = to_string(options.layer.method);
  report.ignored = plan.ignored;
  report.group_fallbacks = plan.group_fallbacks;
  report.max_fallback = options.max_fallback;
  report.calibration_tokens = plan.calibration_tokens;
  report.calibration_tokens_available = plan.calibration_tokens_available;
  report.expected_peak_bytes = plan.expected_peak_bytes;
  report.floor_flops = plan.floor_flops;
  return report;
}

}  // namespace

QuantizePlan plan_quantization(const Checkpoint& source, const QuantizeOptions& options) {
  return prepare(source, options).plan;
}

QuantizeReport quantize_model(const Checkpoint& source, const QuantizeOptions& options,
                              const ProgressCallback& progress) {
  const auto begin = std::chrono::steady_clock::now();
  PeakMemory memory;
  const Prepared prepared = prepare(source, options);
  const Json fingerprint =
      make_fingerprint(source, options, prepared.layers, prepared.calibration, prepared.fair.get());
  if (options.resume && output_state(options.output) == OutputState::finished)
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
  QuantizeReport report = planned_report(source, options, prepared.plan, fingerprint);
  run.write(report);
  report.probe_flops = std::max(probe_before, probe());
  report.peak_anonymous_bytes = memory.bytes();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  run.publish(report);
  return report;
}

}  // namespace libquant
