#pragma once

#include <CLI/CLI.hpp>

#include "libquant/pipeline/quantize_model.h"

namespace libquant::cli {

/// --calibration, --windows and --window, of every command that quantizes. `calibration` must
/// outlive the parsing.
void add_calibration(CLI::App& command, CalibrationOptions& calibration);

}  // namespace libquant::cli
