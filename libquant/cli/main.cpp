#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>

#include "libquant/cli/commands.h"
#include "libquant/cli/console.h"
#include "libquant/core/error.h"
#include "libquant/core/version.h"
#include "libquant/io/json.h"

namespace {

using libquant::Json;
namespace cli = libquant::cli;

constexpr const char* kDescription =
    "libquant makes language models small: it quantizes their weights, measures what that costs, "
    "and writes files that other runtimes load.\n\n"
    "A first run:\n"
    "  libquant inspect model.gguf\n"
    "  libquant quantize model.gguf --output small --calibration text.txt\n"
    "  libquant eval small --reference model.gguf --text other.txt\n"
    "  libquant audit --base model.gguf --quantized small --probes items.jsonl\n"
    "  libquant generate small --prompt \"Why is the sky blue?\"\n\n"
    "MODEL is a .gguf file or a Hugging Face folder (config.json and safetensors).";

constexpr const char* kExitCodes =
    "Exit codes: 0 success; 1 error; 2 wrong command line; 3 written, but more layers fell back "
    "to rounding than --max-fallback allows, or a limit of --gate is broken; 4 --gate cannot be "
    "decided; 130 interrupted (--resume goes on).";

bool wants_json(const CLI::App& app) {
  for (const CLI::App* command : app.get_subcommands()) {
    const CLI::Option* json = command->get_option_no_throw("--json");
    if (json != nullptr && json->count() > 0) return true;
  }
  return false;
}

void print_failure(const char* kind, std::string_view message, int code) {
  fmt::print("{}\n",
             Json::object({{"error", message}, {"kind", kind}, {"exit_code", code}}).dump(2));
}

int report_failure(const CLI::App& app, const char* kind, const char* message, int code) {
  cli::say(fmt::format("libquant: {}\n", message));
  if (wants_json(app)) print_failure(kind, message, code);
  return code;
}

/// "shrink" instead of a command: CLI11 would only say that a command is missing.
std::string unknown_command(const CLI::App& app, std::string_view word) {
  if (word.starts_with('-')) return "";
  std::string known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() == word) return "";
    known += (known.empty() ? "" : ", ") + command->get_name();
  }
  return fmt::format("\"{}\" is no command; there are {}", word, known);
}

/// --help and --version are "errors" that end with 0. Parsing stopped at the error, so whether
/// --json was asked for is seen on the command line only.
int report_usage(const CLI::App& app, const CLI::ParseError& error,
                 std::span<const char* const> words) {
  if (error.get_exit_code() == 0) return app.exit(error);
  if (words.empty()) {
    cli::say(app.help());
    return cli::kUsage;
  }
  std::string message = unknown_command(app, words.front());
  if (message.empty()) message = error.what();
  cli::say(fmt::format("libquant: {}\nRun with --help for more information.\n", message));
  if (std::find(words.begin(), words.end(), std::string_view("--json")) != words.end())
    print_failure("usage", message, cli::kUsage);
  return cli::kUsage;
}

int run(CLI::App& app, int argc, char** argv, const int& exit_code) {
  try {
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error, std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
  } catch (const libquant::Interrupted& error) {
    return report_failure(app, "interrupted", error.what(), cli::kInterrupted);
  } catch (const libquant::InvalidArgument& error) {
    return report_failure(app, "invalid_argument", error.what(), cli::kError);
  } catch (const libquant::FormatError& error) {
    return report_failure(app, "format", error.what(), cli::kError);
  } catch (const libquant::NotSupported& error) {
    return report_failure(app, "not_supported", error.what(), cli::kError);
  } catch (const std::bad_alloc&) {
    return report_failure(app, "memory", "out of memory", cli::kError);
  } catch (const std::exception& error) {
    return report_failure(app, "error", error.what(), cli::kError);
  }
}

}  // namespace

// Outside run() only an exhausted memory throws.
int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape)
  // A file-size limit or a closed pipe is an error with a message, not a silent end.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  cli::install_interrupt_handler();

  CLI::App app(kDescription, "libquant");
  app.set_version_flag("--version", std::string(libquant::version()));
  app.footer(kExitCodes);
  app.require_subcommand(1);
  int exit_code = cli::kSuccess;
  cli::add_quantize(app, exit_code);
  cli::add_eval(app, exit_code);
  cli::add_audit(app, exit_code);
  cli::add_sweep(app, exit_code);
  cli::add_generate(app, exit_code);
  cli::add_inspect(app, exit_code);
  for (CLI::App* command : app.get_subcommands({})) command->footer(kExitCodes);
  const int code = run(app, argc, argv, exit_code);
  if (std::fflush(stdout) != 0 && code == cli::kSuccess) {
    cli::say("libquant: cannot write to standard output\n");
    return cli::kError;
  }
  return code;
}
