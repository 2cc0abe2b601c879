#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "libquant/cli/arguments.h"
#include "libquant/pipeline/audit_models.h"

namespace libquant::cli {

/// Options that `audit` and `sweep` share.
struct AuditArguments {
  CommonArguments common;
  AuditRequest request;
  std::string gate;  ///< empty, "default" or a file
  std::vector<std::string> formats{"letters", "answers"};
  std::string chat = "none";
};

void add_audit_options(CLI::App& command, AuditArguments& arguments);
/// Turns what was typed into the request; reads the thresholds.
void finish_audit_options(AuditArguments& arguments);

/// The report for people or as JSON; the exit code is the gate's, or 0 without one.
int print_audit(const AuditRun& run, const AuditArguments& arguments);

}  // namespace libquant::cli
