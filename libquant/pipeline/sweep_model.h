#pragma once

#include <filesystem>
#include <vector>

#include "libquant/pipeline/audit_models.h"
#include "libquant/pipeline/quantize_model.h"

namespace libquant {

/// A model quantized at several widths, each audited.
struct SweepRequest {
  AuditRequest audit;
  std::vector<int> bits{8, 6, 4, 3, 2};
  /// Method, grid and calibration of every level; its bits, formats and output are not used. The
  /// default is what study 2605.15208 did: rounding to nearest on the affine grid with a float
  /// minimum, groups of 64.
  QuantizeOptions quantize = study_quantizer();

  static QuantizeOptions study_quantizer();
};

/// The study's experiment: quantizes `model` at every width, scores each level and the model as it
/// is, compares, and fits the answers against the width (AuditResult::stereotype_dose). No model is
/// written: codes lie in a temporary folder (in `audit.output` if there is one, so that an
/// interrupted level goes on) and are removed at the end. `audit.generations` is ignored: the
/// levels are gone when it is known which items changed most. Throws as audit_models and
/// quantize_model.
AuditRun sweep_model(const std::filesystem::path& model, const SweepRequest& request,
                     const ProgressCallback& progress = {});

}  // namespace libquant
