#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "libquant/pipeline/audit_models.h"
#include "libquant/pipeline/progress_meter.h"

namespace libquant {

/// Makes the output folder with its `scores`, or takes over the one that is there if the request
/// says how. InvalidArgument otherwise.
void prepare_audit_folder(const AuditRequest& request);

/// report.json, report.html, and items.jsonl, which tells what the ids in the score files stand
/// for.
void write_audit_folder(const std::filesystem::path& folder, std::span<const ProbeItem> items,
                        const Json& report);

/// For people: how the prompts of a report were made.
std::string describe_prompts(ChatFormat chat, const ScoringOptions& options);

/// What a model says to the items when it may speak freely (greedy, as a chat where the model has a
/// format), by item id.
std::map<std::string, std::string> free_answers(const std::filesystem::path& model,
                                                std::span<const ProbeItem* const> items,
                                                std::size_t tokens, ProgressMeter& progress);

}  // namespace libquant
