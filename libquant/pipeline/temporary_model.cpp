#include "libquant/pipeline/temporary_model.h"

#include "libquant/pipeline/fingerprint.h"
#include "libquant/pipeline/prepare.h"
#include "libquant/pipeline/run.h"

namespace libquant {

namespace {

void leave_files_out(QuantizeOptions& options) {
  options.formats = {Format::safetensors};  // no file is written that a scheme would have to fit
  options.resume = true;
}

}  // namespace

std::string temporary_model_hash(const Checkpoint& source, QuantizeOptions options) {
  leave_files_out(options);
  const Prepared prepared = prepare(source, options);
  return fingerprint_hash(make_fingerprint(source, options, prepared.layers, prepared.calibration,
                                           prepared.fair.get()));
}

TemporaryModel quantize_temporarily(const Checkpoint& source, QuantizeOptions options,
                                    const ProgressCallback& progress) {
  leave_files_out(options);
  const Prepared prepared = prepare(source, options);
  const Json fingerprint =
      make_fingerprint(source, options, prepared.layers, prepared.calibration, prepared.fair.get());
  check_finite_weights(source);
  QuantizeRun run(source, options, prepared, fingerprint, progress);
  run.compute();
  run.refine();
  return {run.checkpoint(), fingerprint_hash(fingerprint)};
}

}  // namespace libquant
