#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "libquant/cli/audit_arguments.h"
#include "libquant/cli/calibration_arguments.h"
#include "libquant/cli/commands.h"
#include "libquant/cli/console.h"
#include "libquant/cli/override.h"
#include "libquant/pipeline/sweep_model.h"

namespace libquant::cli {
namespace {

struct Arguments : AuditArguments {
  std::filesystem::path model;
  SweepRequest sweep;
};

void add_levels(CLI::App& command, SweepRequest& sweep) {
  LayerOptions& layer = sweep.quantize.layer;
  command.add_option("--bits", sweep.bits, "widths to quantize to")
      ->check(CLI::IsMember({2, 3, 4, 5, 6, 8}))
      ->capture_default_str()
      ->type_name("N...");
  add_named(command, "--method", layer.method, method_from,
            "rtn (default: round to nearest, as in study 2605.15208) or gptq");
  add_named(command, "--group-size", layer.scheme.group_size, group_size_from,
            "weights that share a scale: 32, 64 (default), 128, or \"row\"")
      ->type_name("N");
  add_named(command, "--zero", layer.scheme.zero, zero_kind_from,
            "symmetric, asymmetric (integer zero point) or minimum (default: float minimum, the "
            "study's grid)");
  add_calibration(command, sweep.quantize.calibration);
}

int run(Arguments& a) {
  apply_common(a.common);
  finish_audit_options(a);
  a.sweep.quantize.layer.clip = default_clip(a.sweep.quantize.layer.method);
  a.sweep.audit = a.request;
  ProgressLine line(a.common.progress);
  const AuditRun swept = sweep_model(a.model, a.sweep, line.callback());
  line.clear();
  return print_audit(swept, a);
}

}  // namespace

void add_sweep(CLI::App& app, int& exit_code) {
  auto a = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "sweep", "quantize a model at several widths, audit each, and fit answers against bits");
  command->add_option("--model", a->model, "a .gguf file or a Hugging Face folder")
      ->required()
      ->check(CLI::ExistingPath)
      ->type_name("MODEL");
  add_levels(*command, a->sweep);
  add_audit_options(*command, *a);
  command->callback([a, &exit_code] { exit_code = run(*a); });
}

}  // namespace libquant::cli
