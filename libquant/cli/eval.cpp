#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/cli/arguments.h"
#include "libquant/cli/commands.h"
#include "libquant/cli/console.h"
#include "libquant/pipeline/evaluate_text.h"

namespace libquant::cli {
namespace {

struct Arguments {
  CommonArguments common;
  std::filesystem::path model, reference;
  TextEvalOptions options;
};

void print_result(const Arguments& a, const TextEvalResult& evaluated) {
  const EvalResult& r = evaluated.result;
  fmt::print("model       {} (weights in {})\n", a.model.string(), evaluated.model_type);
  fmt::print("perplexity  {:.4f}\n", r.perplexity);
  if (!a.reference.empty()) {
    fmt::print("reference   {} (weights in {})\n", a.reference.string(), evaluated.reference_type);
    fmt::print("its perplexity       {:.4f}\n", r.reference_perplexity);
    fmt::print("KL(reference||model) {:.6f} nats per token\n", r.kl_divergence);
    fmt::print("same top token       {:.2f} %\n", 100 * r.top1_agreement);
  }
  fmt::print(
      "protocol    {} of {} tokens scored, {} windows of up to {}, overlap {}, {}, first {} of a "
      "window unscored, activations {}\n",
      r.scored_tokens, evaluated.text_tokens, r.windows, r.window, evaluated.overlap,
      evaluated.bos ? "BOS before each" : "no BOS", evaluated.unscored,
      to_string(evaluated.activations));
  fmt::print("time        {}\n", seconds_text(r.seconds));
}

int run(Arguments& a) {
  apply_common(a.common);
  const auto model = open_checkpoint(a.model);
  const auto reference = a.reference.empty() ? nullptr : open_checkpoint(a.reference);
  ProgressLine line(a.common.progress);
  const auto evaluated = evaluate_text(*model, reference.get(), a.options, line.callback());
  line.clear();
  if (a.common.json) {
    Json json = to_json(evaluated);
    json.set("model", a.model.string());
    json.set("reference", a.reference.empty() ? Json(nullptr) : Json(a.reference.string()));
    fmt::print("{}\n", json.dump(2));
  } else {
    print_result(a, evaluated);
  }
  return kSuccess;
}

}  // namespace

void add_eval(CLI::App& app, int& exit_code) {
  auto a = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "eval", "measure perplexity on a text, and the distance from another model");
  command->add_option("model", a->model, "a .gguf file or a Hugging Face folder")
      ->required()
      ->check(CLI::ExistingPath)
      ->type_name("MODEL");
  command
      ->add_option("--reference", a->reference,
                   "the original: adds KL divergence and agreement with it")
      ->check(CLI::ExistingPath)
      ->type_name("MODEL");
  command->add_option("--text", a->options.texts, "plain text files")
      ->required()
      ->check(CLI::ExistingFile)
      ->type_name("FILE...");
  command->add_option("--window", a->options.window, "tokens in a window; capped at the model's")
      ->check(CLI::Range(2, 1 << 30))
      ->capture_default_str();
  command
      ->add_option("--overlap", a->options.overlap,
                   "tokens that a window shares with the one before, as context")
      ->capture_default_str();
  command
      ->add_option("--unscored", a->options.unscored,
                   "tokens at the start of every window that are context only")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--max-tokens", a->options.max_tokens, "of the text; 0: all")
      ->capture_default_str();
  add_named(*command, "--bos", a->options.bos, bos_policy_from,
            "a BOS token before each window: auto (default: as the model's metadata says), yes, "
            "no");
  add_activations(*command, a->options.activations);
  add_common(*command, a->common);
  command->callback([a, &exit_code] { exit_code = run(*a); });
}

}  // namespace libquant::cli
