#pragma once

#include <memory>
#include <string>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/core/progress.h"
#include "libquant/pipeline/quantize_model.h"

namespace libquant {

/// A model quantized to be measured and thrown away.
struct TemporaryModel {
  std::unique_ptr<Checkpoint> checkpoint;  ///< reads the codes of the work folder, and `source`
  std::string hash;  ///< of everything that decides the codes, the source included
};

/// The `hash` that quantize_temporarily would give, without quantizing.
std::string temporary_model_hash(const Checkpoint& source, QuantizeOptions options);

/// Quantizes into the work folder below `options.output` and writes no model: as quantize_model,
/// but for `options.formats`, which is ignored. A folder that an interrupted call left is gone on
/// with. `source` must outlive the result; the caller removes `options.output` when done with it.
TemporaryModel quantize_temporarily(const Checkpoint& source, QuantizeOptions options,
                                    const ProgressCallback& progress = {});

}  // namespace libquant
