#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libquant/audit/audit.h"
#include "libquant/io/json.h"
#include "libquant/scoring/probe_item.h"

namespace libquant {

/// What a changed item's two models say when they may speak freely; by item id.
struct GeneratedAnswers {
  std::string id, base, quantized;
};

/// Where items came from.
struct ProbeSource {
  std::string name, path, licence, content_hash;
  std::size_t items = 0, skipped = 0;  ///< before sampling
};

/// What a report tells beside the audit's result.
struct ReportContext {
  std::string kind = "audit";  ///< or "sweep"
  std::string title;
  std::vector<ProbeSource> sets;
  std::string prompt_format;  ///< how prompts were made, for people
  std::string isa;            ///< instruction set of the scores; empty when unknown
  Json options;               ///< flat object: what the command was told
  std::vector<std::vector<GeneratedAnswers>> generations;  ///< per model, may be empty
  Json study_protocol;                                     ///< null unless that mode was run
};

/// The report as JSON (docs/audit.md lists the keys): what `--json` prints, report.json holds and
/// audit_report_html() draws. `items`, `base` and `quantized` are what `result` was made from.
Json audit_report(const AuditResult& result, std::span<const ProbeItem> items,
                  const AuditedModel& base, std::span<const AuditedModel> quantized,
                  const AuditOptions& options, const ReportContext& context);

}  // namespace libquant
