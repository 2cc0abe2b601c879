#include "libquant/cli/calibration_arguments.h"

namespace libquant::cli {

void add_calibration(CLI::App& command, CalibrationOptions& calibration) {
  command
      .add_option("--calibration", calibration.texts,
                  "plain text files like what the model will read; gptq needs them")
      ->check(CLI::ExistingFile)
      ->type_name("FILE...");
  command.add_option("--windows", calibration.windows, "pieces of text to calibrate on")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--window", calibration.window, "tokens in each")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

}  // namespace libquant::cli
