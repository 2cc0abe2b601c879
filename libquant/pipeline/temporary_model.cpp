#include "libquant/pipeline/temporary_model.h"

#include "libquant/pipeline/fingerprint.h"
#include "libquant/pipeline/prepare.h"
#include "libquant/pipeline/run.h"

namespace libquant {

TemporaryModel quantize_temporarily(const Checkpoint& source, QuantizeOptions options,
                                    const ProgressCallback& progress) {
  options.formats = {Format::safetensors};  // no file is written that a scheme would have to fit
  options.resume = true;
  const Prepared prepared = prepare(source, options);
  const Json fingerprint =
      make_fingerprint(source, options, prepared.layers, prepared.calibration, prepared.fair.get());
  check_finite_weights(source);
  QuantizeRun run(source, options, prepared, fingerprint, progress);
  run.compute();
  return {run.checkpoint(), fingerprint_hash(fingerprint)};
}

}  // namespace libquant
