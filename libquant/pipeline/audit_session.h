#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

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
  AuditedModel score(const Checkpoint& source, const std::filesystem::path& path, std::string name,
                     ProgressMeter& progress);

  /// Compares, judges, lets the models answer freely where asked for, and writes the report. Ends
  /// the session.
  AuditRun finish(AuditedModel base, std::vector<AuditedModel> quantized, ReportContext context,
                  ProgressMeter& progress);

 private:
  std::vector<ItemScore> score_items_of(const Checkpoint& source, const Model& model,
                                        const std::string& name, const std::string& hash,
                                        ProgressMeter& progress);
  std::filesystem::path score_file(const std::string& name) const;
  Json score_header(const Checkpoint& source, const std::string& hash) const;
  std::vector<std::vector<GeneratedAnswers>> generate_answers(const AuditRun& run,
                                                              ProgressMeter& progress) const;

  const AuditRequest& request_;
  std::vector<ProbeSource> sources_;
  std::vector<ProbeItem> items_;
  std::optional<ChatFormat> chat_;  ///< set by the first model
};

/// "a/gptq/model.gguf", "a/rtn/model.gguf" -> "gptq/model.gguf", "rtn/model.gguf": the shortest
/// ends of the paths that differ from one another.
std::vector<std::string> short_names(const std::vector<std::filesystem::path>& paths);

}  // namespace libquant
