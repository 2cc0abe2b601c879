#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libquant/audit/study_report.h"
#include "libquant/checkpoint/checkpoint.h"
#include "libquant/pipeline/audit_models.h"
#include "libquant/pipeline/progress_meter.h"

namespace libquant {

/// The work behind audit_models and sweep_model: items loaded once, models scored one by one, a
/// report made of them.
class AuditSession {
 public:
  /// Loads and samples the items, takes hold of the output folder. `request` must outlive it.
  explicit AuditSession(const AuditRequest& request);

  std::span<const ProbeItem> items() const noexcept { return items_; }
  /// Work of scoring one model, in units of a ProgressMeter.
  double model_work() const;

  /// Scores a model, or reads a file of scores. The first one is the original, whose chat format
  /// the others' prompts share.
  AuditedModel score(const std::filesystem::path& path, std::string name, ProgressMeter& progress);
  /// The model of this name and content as an earlier run left it, if the request resumes one that
  /// scored every item; nothing where the model itself is needed (perplexity, the study's answers).
  std::optional<AuditedModel> finished(const std::string& name, const std::string& hash) const;
  /// `hash` stands for the model's content in the score file that a resumed run goes on with.
  AuditedModel score(const Checkpoint& source, const std::filesystem::path& path, std::string name,
                     std::string hash, ProgressMeter& progress);

  /// Compares, judges, lets the models answer freely where asked for, and writes the report. Ends
  /// the session.
  AuditRun finish(AuditedModel base, std::vector<AuditedModel> quantized, ReportContext context,
                  ProgressMeter& progress);

 private:
  /// Fills in the model's scores and what they took.
  void score_items_of(const Checkpoint& source, const Model& model, AuditedModel& described,
                      ProgressMeter& progress);
  /// "scores" or "samples" / the model's name.jsonl in the output folder; empty without one.
  std::filesystem::path item_file(const char* folder, const std::string& name) const;
  void ask_as_in_the_study(const Checkpoint& source, const Model& model,
                           const AuditedModel& described, ProgressMeter& progress);
  Json study_json(const AuditRun& run) const;
  Json score_header(const AuditedModel& model) const;
  double text_work() const;
  double study_work() const;
  std::vector<std::vector<GeneratedAnswers>> generate_answers(const AuditRun& run,
                                                              ProgressMeter& progress) const;

  const AuditRequest& request_;
  std::vector<ProbeSource> sources_;
  std::vector<ProbeItem> items_;
  std::size_t available_ = 0;             ///< items before sampling
  std::optional<ChatFormat> chat_;        ///< set by the first model
  std::optional<ChatFormat> study_chat_;  ///< the first model's own
  std::vector<StudyAnswers> study_;       ///< of every model scored so far
};

/// "a/gptq/model.gguf", "a/rtn/model.gguf" -> "gptq/model.gguf", "rtn/model.gguf": the shortest
/// ends of the paths that differ from one another. A path that comes twice is numbered.
std::vector<std::string> short_names(const std::vector<std::filesystem::path>& paths);

}  // namespace libquant
