#pragma once

#include <CLI/CLI.hpp>

#include "libquant/fairness/options.h"

namespace libquant::cli {

/// Options of the fairness term, for commands that quantize.
void add_fairness(CLI::App& command, FairnessOptions& fairness);

}  // namespace libquant::cli
