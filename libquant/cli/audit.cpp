#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <vector>

#include "libquant/cli/audit_arguments.h"
#include "libquant/cli/commands.h"
#include "libquant/cli/console.h"

namespace libquant::cli {
namespace {

struct Arguments : AuditArguments {
  std::filesystem::path base;
  std::vector<std::filesystem::path> quantized;
};

int run(Arguments& a) {
  apply_common(a.common);
  finish_audit_options(a);
  ProgressLine line(a.common.progress);
  const AuditRun audited = audit_models(a.base, a.quantized, a.request, line.callback());
  line.clear();
  return print_audit(audited, a);
}

}  // namespace

void add_audit(CLI::App& app, int& exit_code) {
  auto a = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "audit", "does quantization make this model less fair? item by item, with a gate");
  command
      ->add_option("--base", a->base,
                   "the original: a model, or a .jsonl file of scores made elsewhere")
      ->required()
      ->check(CLI::ExistingPath)
      ->type_name("MODEL");
  command->add_option("--quantized", a->quantized, "what became of it: one or more of the same")
      ->required()
      ->check(CLI::ExistingPath)
      ->type_name("MODEL...");
  add_audit_options(*command, *a);
  command
      ->add_option("--generations", a->request.generations,
                   "of the most changed items, how many both models answer freely, to be read side "
                   "by side")
      ->capture_default_str();
  command->callback([a, &exit_code] { exit_code = run(*a); });
}

}  // namespace libquant::cli
