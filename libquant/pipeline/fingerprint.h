#pragma once

#include <string>

#include "libquant/io/json.h"
#include "libquant/pipeline/fair_prepare.h"
#include "libquant/pipeline/layer_plan.h"

namespace libquant {

/// Everything that decides the bytes of a run, as a flat object of readable fields. Two runs with
/// equal fingerprints write equal files; threads, paths and limits are not in it.
Json make_fingerprint(const Checkpoint& source, const QuantizeOptions& options,
                      const LayerPlan& plan, const CalibrationSet& calibration,
                      const FairPreparation* fair);

/// Short name of a fingerprint: kept in every work file.
std::string fingerprint_hash(const Json& fingerprint);

/// Empty when equal; else a sentence naming the first field that differs, with both values.
std::string fingerprint_difference(const Json& kept, const Json& wanted);

}  // namespace libquant
