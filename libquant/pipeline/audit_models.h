#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "libquant/audit/audit.h"
#include "libquant/audit/audit_report.h"
#include "libquant/core/progress.h"
#include "libquant/fairness/splits.h"
#include "libquant/io/json.h"
#include "libquant/pipeline/evaluate_text.h"
#include "libquant/scoring/load_probes.h"
#include "libquant/scoring/sample_answers.h"
#include "libquant/scoring/score_items.h"

namespace libquant {

/// Which items are scored, how, and what is written: the same for an audit and a sweep.
struct AuditRequest {
  std::vector<std::filesystem::path> probes;  ///< files of probe sets
  std::size_t items = 0;                      ///< stratified sample of the items; 0 = all
  std::uint64_t seed = 1;                     ///< of the sample, and of every resampling
  /// Its member `chat` is ignored: the one of this struct decides.
  ScoringOptions scoring;
  TextEvalOptions text;  ///< perplexity is measured where it names texts

  StudyProtocol protocol;  ///< of `study`

  AuditOptions audit;           ///< its seeds are overwritten by `seed`
  std::size_t generations = 0;  ///< of the most changed items, how many both models answer freely
  std::size_t generated_tokens = 64;

  /// Folder for report.json, report.html, items.jsonl, scores/NAME.jsonl and samples/NAME.jsonl;
  /// empty: nothing is written.
  std::filesystem::path output;
  Json options;  ///< for the report's provenance: what the caller was told

  ProbeFormat probe_format = ProbeFormat::automatic;
  /// Only items of this split; empty: all. Items whose templates shaped one of the models, which
  /// its quantize_report.json tells, are an error (InvalidArgument).
  std::optional<ProbeSplit> split;
  /// Prompts as a chat in this format; none = plain text as lm-evaluation-harness has it; empty =
  /// the original's own chat format.
  std::optional<ChatFormat> chat = ChatFormat::none;
  /// Also ask as study 2605.15208 does: letters sampled as text in the original's chat format, its
  /// five seeds, its parser, with common and with independent random numbers.
  bool study = false;
  bool resume = false;     ///< keep the scores that an earlier, maybe unfinished, run left there
  bool overwrite = false;  ///< replace them
};

/// An audit with everything that it was made from; `result` points into `items`.
struct AuditRun {
  std::vector<ProbeItem> items;
  AuditedModel base;
  std::vector<AuditedModel> quantized;
  AuditResult result;
  Json report;
};

/// Scores the original and every quantized model on the probe sets, one model in memory at a time,
/// compares and judges them. A path is a model (open_checkpoint) or a .jsonl file of scores that
/// another runtime made (docs/audit.md). Interrupted runs with an output folder go on with
/// `resume`: no item is scored twice.
/// Throws as open_checkpoint, load_probes and read_scores; InvalidArgument for an output folder in
/// use without `resume` or `overwrite`, and for scores that do not fit the items; Interrupted.
AuditRun audit_models(const std::filesystem::path& base,
                      const std::vector<std::filesystem::path>& quantized,
                      const AuditRequest& request, const ProgressCallback& progress = {});

}  // namespace libquant
