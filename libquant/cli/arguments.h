#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/cpu/dispatch.h"
#include "kernels/threads.h"
#include "libquant/core/error.h"
#include "libquant/quant/packed_matrix.h"

namespace libquant::cli {

/// Options that every sub-command has.
struct CommonArguments {
  bool json = false;
  bool progress = false;
  int threads = 0;
};

inline void add_common(CLI::App& command, CommonArguments& common) {
  command.add_flag("--json", common.json, "print one JSON document on standard output");
  command.add_flag("--progress", common.progress,
                   "print progress even where standard error is no terminal");
  command.add_option("--threads", common.threads, "threads to use (default: all cores)")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
}

/// Makes them count; an unknown LIBQUANT_ISA is an error here rather than inside a kernel.
inline void apply_common(const CommonArguments& common) {
  kernels::active();
  kernels::set_thread_count(common.threads);
}

/// Adds an option whose text one of the library's `..._from(name)` functions turns into a value:
/// its complaint becomes the usage error.
template <typename T, typename Parse>
CLI::Option* add_named(CLI::App& command, const std::string& flags, T& value, Parse parse,
                       const std::string& help) {
  return command
      .add_option_function<std::string>(
          flags,
          [&value, parse](const std::string& text) {
            try {
              value = parse(text);
            } catch (const Error& error) {
              throw CLI::ValidationError(error.what());
            }
          },
          help)
      ->type_name("NAME");
}

/// A switch such as "--x,!--no-x" that is empty unless given. CLI11 2.1 sets an optional<bool> to
/// false when the option is declared.
inline void add_switch(CLI::App& command, const std::string& flags, std::optional<bool>& value,
                       const std::string& help) {
  command.add_flag_function(
      flags, [&value](std::int64_t count) { value = count > 0; }, help);
}

/// --activations, with the value that it has as the default.
inline void add_activations(CLI::App& command, Activations& activations) {
  add_named(command, "--activations", activations, activations_from,
            fmt::format("inputs of layers: exact; int8, rounded where weights are codes, which is "
                        "faster; or bf16, rounded where weights are bf16, which some processors do "
                        "faster (default: {})",
                        to_string(activations)));
}

}  // namespace libquant::cli
