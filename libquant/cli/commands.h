#pragma once

namespace CLI {
class App;
}

namespace libquant::cli {

/// What the program ends with; listed in --help.
enum ExitCode : int {
  kSuccess = 0,
  kError = 1,         ///< something went wrong; the message says what
  kUsage = 2,         ///< the command line makes no sense
  kFallbacks = 3,     ///< files are written, but more layers fell back than --max-fallback allows
  kGateFailed = 3,    ///< audit, sweep: a limit of --gate is broken
  kInconclusive = 4,  ///< audit, sweep: --gate cannot be decided
  kInterrupted = 130  ///< stopped by Ctrl-C; --resume goes on
};

/// Each adds one sub-command; when it is chosen it runs and sets `exit_code`, or throws.
void add_quantize(CLI::App& app, int& exit_code);
void add_audit(CLI::App& app, int& exit_code);
void add_eval(CLI::App& app, int& exit_code);
void add_sweep(CLI::App& app, int& exit_code);
void add_generate(CLI::App& app, int& exit_code);
void add_inspect(CLI::App& app, int& exit_code);

}  // namespace libquant::cli
