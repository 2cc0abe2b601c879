#pragma once

#include <CLI/CLI.hpp>

#include "libquant/fairness/options.h"

namespace libquant::cli {

/// Options of the fairness term, for commands that quantize.
void add_fairness(CLI::App& command, FairnessOptions& fairness);
/// After parsing: a usage error that names an option of the term which has no effect, because
/// nothing switches the term on.
void check_fairness_is_on(const CLI::App& command, const FairnessOptions& fairness);

}  // namespace libquant::cli
