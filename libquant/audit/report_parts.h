#pragma once

#include <vector>

#include "libquant/audit/audit.h"
#include "libquant/io/json.h"

namespace libquant {

/// Parts of the report; numbers that are none become null.
Json to_json(const Estimate& estimate);
Json to_json(const SliceMetrics& slice);
Json to_json(const std::vector<SliceMetrics>& slices);
Json to_json(const GateResult& gate);
Json to_json(const Competence& competence);
/// Null without a fit.
Json to_json(const DoseFit& fit);
Json number_or_null(double value);

/// Scores by the definitions of the sets' authors, before and after.
Json official_scores_json(const ModelAudit& model);

}  // namespace libquant
