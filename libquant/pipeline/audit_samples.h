#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "libquant/audit/study_report.h"
#include "libquant/core/progress.h"
#include "libquant/io/json.h"
#include "libquant/model/model.h"
#include "libquant/tokenizer/tokenizer.h"

namespace libquant {

/// Ambiguous items with a stereotyped, another and an "unknown" answer: those of the study.
std::vector<const ProbeItem*> study_items(std::span<const ProbeItem> items);

/// Answers of model `number` of a run in the compatibility mode. Each has independent draws of its
/// own; number 0 is the original, which is asked with others once more. Kept in `file` (one line
/// per item, after a header; empty path: nowhere) and read from there when the header is the same,
/// which is how a resumed run goes on.
StudyAnswers study_answers(const Model& model, const Tokenizer& tokenizer,
                           std::span<const ProbeItem* const> items, ChatFormat chat,
                           const StudyProtocol& protocol, std::size_t number,
                           const std::filesystem::path& file, const Json& header,
                           const ProgressCallback& progress);

}  // namespace libquant
