#pragma once

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/pipeline/quantize_model.h"

namespace libquant::cli {

/// What the run is going to do and need: for people, or as one JSON document.
void print_plan(const Checkpoint& source, const QuantizeOptions& options, const QuantizePlan& plan,
                bool json);
/// What happened: a table of layers and the totals, or the report as JSON.
void print_report(const QuantizeReport& report, const QuantizeOptions& options, bool json);

}  // namespace libquant::cli
