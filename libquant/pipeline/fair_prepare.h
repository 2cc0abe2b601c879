#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/fairness/probe_moments.h"
#include "libquant/io/json.h"
#include "libquant/pipeline/calibration.h"
#include "libquant/pipeline/fair_report.h"

namespace libquant {

struct LayerPlan;
struct QuantizeOptions;

/// The probes of a run: read, split, sampled and laid out before anything is computed.
struct FairPreparation {
  FairReport report;  ///< all but what only the run knows
  std::unique_ptr<ProbeMoments> moments;
  std::vector<ProbeItem> items;          ///< behind H_D; steps of a refinement draw from them
  std::vector<ProbeItem> select;         ///< where settings are searched: what trials are judged on
  std::vector<ProbeItem> refine_select;  ///< of the same split: what a refinement stops by
  Json identity;                         ///< everything that decides H_D, as a flat object
  std::string hash;                      ///< of the identity
};

/// Null where `options.fairness` is off. Throws InvalidArgument (options, empty split), FormatError
/// (probe files).
std::unique_ptr<FairPreparation> prepare_fairness(const Checkpoint& source,
                                                  const QuantizeOptions& options,
                                                  const CalibrationSet& calibration);

/// What a fairness term adds to a run.
double fair_statistics_flops(const ModelConfig& config, const FairPreparation& fair);
double fair_disk_bytes(const ModelConfig& config, const FairPreparation& fair);
/// Beside a plain run: H_D and the sum S of the widest layer.
double fair_solver_bytes(const LayerPlan& plan);
/// Peak of anonymous memory of the statistics pass, and its arrays alone.
double fair_array_bytes(const ModelConfig& config, const FairPreparation& fair);
double fair_peak_bytes(const ModelConfig& config, const FairPreparation& fair);

}  // namespace libquant
