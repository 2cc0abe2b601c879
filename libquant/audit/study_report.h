#pragma once

#include <span>
#include <string>
#include <vector>

#include "libquant/audit/audit.h"
#include "libquant/io/json.h"
#include "libquant/scoring/sample_answers.h"

namespace libquant {

/// Answers of one model in the compatibility mode, item by item.
struct StudyAnswers {
  std::vector<SampledItem> common, independent;
  std::vector<SampledItem> repeated;  ///< of the original: independent draws once more
};

/// What the compatibility mode was run on; `quantized[m]` belongs to model m.
struct StudyInput {
  StudyProtocol protocol;
  ChatFormat chat = ChatFormat::none;
  bool same_prompts = false;  ///< the letter scores are of the prompts that were sampled
  std::vector<const ProbeItem*> items;
  StudyAnswers base;
  std::vector<StudyAnswers> quantized;
};

/// The report's "study_protocol" (docs/audit.md).
Json study_report(const StudyInput& input, const AuditedModel& base,
                  std::span<const AuditedModel> quantized, double level);

}  // namespace libquant
