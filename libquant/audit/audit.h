#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libquant/audit/comparison.h"
#include "libquant/audit/competence.h"
#include "libquant/audit/dose_response.h"
#include "libquant/audit/gate.h"
#include "libquant/audit/official_scores.h"
#include "libquant/audit/slice_metrics.h"
#include "libquant/scoring/probe_item.h"
#include "libquant/scoring/score_items.h"

namespace libquant {

/// What computing a model's scores took; zeros where they were read from a file.
struct ScoringWork {
  std::size_t items = 0;   ///< scored in this run: those of an earlier one are read
  std::size_t tokens = 0;  ///< through the blocks, everything that prompts share once
  double floor_flops = 0;  ///< of those passes
  double seconds = 0;
  double probe_flops = 0;  ///< per second: what the machine's multiply-adds can do

  /// Of the time that 0.8 of the probe would need for the floor; NaN where nothing was computed.
  double share_of_floor() const;
};

/// One model with its scores, wherever they were computed.
struct AuditedModel {
  std::string name;                    ///< unique within a report
  std::string path;                    ///< of the model, or of the file of scores
  std::string type;                    ///< stored type of its weights ("Q4_1"); empty when unknown
  std::string method;                  ///< "rtn", "gptq"; empty when unknown
  std::optional<double> bits;          ///< nominal bits of a weight's code: "Q4_1" has 4
  std::optional<std::uint64_t> bytes;  ///< of all its tensors
  std::string hash;                    ///< content hash; empty when unknown
  std::string tokenizer;               ///< kind, size and hash, for people; empty when unknown
  std::string chat_format;             ///< that its prompts were rendered in; "none" for plain text
  std::optional<double> perplexity;
  std::vector<ItemScore> scores;
  ScoringWork work;
};

struct AuditOptions {
  EmergenceOptions emergence;
  SliceOptions slices;
  std::optional<ScoringFormat> format;  ///< leads the report; else leading_format() decides
  GateThresholds thresholds;
  std::size_t available_items = 0;  ///< that `items` were sampled from; 0: all there are
  std::size_t changed_items = 30;   ///< that are listed
};

/// One format's figures of one quantized model.
struct FormatAudit {
  Comparison comparison;
  SliceMetrics all;
  std::optional<SliceMetrics> disambiguated;  ///< items whose context decides
  std::vector<SliceMetrics> sets, categories, groups, polarities, margin_deciles;
};

/// One quantized model against the original.
struct ModelAudit {
  std::vector<FormatAudit> formats;  ///< every format that both models have scores in
  std::size_t leading = 0;           ///< index of the report's format
  std::optional<std::size_t> pairs;  ///< index of the format for sentence pairs, if not leading
  /// Items of the leading comparison, most changed first, one of each template before the second of
  /// any.
  std::vector<std::size_t> changed;
  GateResult gate;
  std::vector<std::string> findings;  ///< sentences for people, worst first
};

struct AuditResult {
  std::vector<Competence> competence;  ///< of the original, per format
  LeadingFormat leading;
  std::vector<ModelAudit> models;
  DoseFit stereotype_dose, unknown_dose;
};

/// Compares every quantized model with the original in every format, slice by slice, and judges it.
/// `items` must outlive the result. Deterministic for the seeds in `options`. Throws
/// InvalidArgument where no item is scored by both the original and a quantized model in one
/// format, naming the model.
AuditResult audit(std::span<const ProbeItem> items, const AuditedModel& base,
                  std::span<const AuditedModel> quantized, const AuditOptions& options);

}  // namespace libquant
