#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/cli/arguments.h"
#include "libquant/cli/calibration_arguments.h"
#include "libquant/cli/commands.h"
#include "libquant/cli/console.h"
#include "libquant/cli/fairness_arguments.h"
#include "libquant/cli/override.h"
#include "libquant/cli/quantize_output.h"
#include "libquant/core/error.h"
#include "libquant/io/atomic_file.h"
#include "libquant/pipeline/quantize_model.h"

namespace libquant::cli {
namespace {

struct Arguments {
  CommonArguments common;
  std::filesystem::path model;
  QuantizeOptions options;
  std::vector<Format> formats;
  std::vector<std::string> ignore;
  bool dry_run = false;
  std::optional<int> clip_steps;
  std::optional<double> clip_norm;
  std::optional<bool> clip_weighted;
  std::optional<double> bits_budget;
  std::filesystem::path read_bits, write_bits;
};

void add_grid(CLI::App& command, Arguments& a) {
  LayerOptions& layer = a.options.layer;
  Scheme& scheme = layer.scheme;
  add_named(command, "--method", layer.method, method_from,
            "gptq (default: uses calibration text, better) or rtn (round to nearest, fast)");
  command.add_option("--bits", scheme.bits, "bits per weight")
      ->check(CLI::IsMember({2, 3, 4, 5, 6, 8}))
      ->capture_default_str();
  add_named(command, "--group-size", scheme.group_size, group_size_from,
            "weights that share a scale: 32, 64 (default), 128, or \"row\"")
      ->type_name("N");
  add_named(command, "--zero", scheme.zero, zero_kind_from,
            "symmetric (default), asymmetric (integer zero point) or minimum (float minimum, the "
            "grid of Q4_1)");
  add_named(command, "--act-order", layer.act_order, act_order_from,
            "order in which GPTQ visits columns: none, group (default) or static_all");
  command
      .add_option("--damping", layer.damping, "added to the Hessian, share of its mean diagonal")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      .add_option("--clip-steps", a.clip_steps,
                  "steps of the search for a narrower range; 0: none (default: 20 for gptq)")
      ->check(CLI::Range(0, 255));
  command
      .add_option("--clip-norm", a.clip_norm,
                  "exponent of the error that search minimises (default 2; others take several "
                  "times longer)")
      ->check(CLI::PositiveNumber);
  add_switch(command, "--clip-weighted,!--no-clip-weighted", a.clip_weighted,
             "weight that error by the calibration's second moments (default for gptq)");
  command.add_flag("--scale-refit", layer.scale_refit,
                   "fit the scales again to the chosen codes, by least squares");
}

void add_layers(CLI::App& command, Arguments& a) {
  command
      .add_option("--ignore", a.ignore,
                  "keep layers whose name matches dense, e.g. 'layers\\.0\\.' (repeatable)")
      ->type_name("REGEX");
  command
      .add_option_function<std::vector<std::string>>(
          "--override",
          [&a](const std::vector<std::string>& texts) {
            try {
              for (const auto& text : texts) a.options.overrides.push_back(override_from(text));
            } catch (const Error& error) {
              throw CLI::ValidationError(error.what());
            }
          },
          "other settings for layers whose name matches, e.g. 'down_proj:bits=8,group=32' "
          "(repeatable; later ones win; bits, group, zero, damping, ignore)")
      ->type_name("REGEX:SETTINGS");
  add_named(command, "--group-fallback", a.options.group_fallback, group_size_from,
            "group size for layers that --group-size does not divide (default: such a layer is an "
            "error)")
      ->type_name("N");
  command
      .add_option("--max-fallback", a.options.max_fallback,
                  "layers that may fall back to rounding before the exit code is 3")
      ->capture_default_str();
}

void add_bit_plan(CLI::App& command, Arguments& a) {
  auto* budget =
      command
          .add_option(
              "--bits-budget", a.bits_budget,
              "bits per weight on average, group parameters included: each matrix gets 2 "
              "to 8 bits by how much its errors cost on the calibration text and, times "
              "--fairness, on the probes (experimental: measured no better than uniform bits, see "
              "docs/fairness.md)")
          ->check(CLI::PositiveNumber)
          ->type_name("X");
  command.add_option("--save-bit-plan", a.write_bits, "write what --bits-budget chose as JSON")
      ->needs(budget)
      ->type_name("FILE");
  command.add_option("--bit-plan", a.read_bits, "bits of each matrix from such a file")
      ->check(CLI::ExistingFile)
      ->excludes(budget)
      ->type_name("FILE");
}

void add_refine(CLI::App& command, RefineOptions& refine) {
  command
      .add_option(
          "--refine-steps", refine.steps,
          "gradient steps on the scales of each row after the last block, towards the original's "
          "next-token and probe distributions; 0: none. bf16 scales, the default, hold only "
          "coarse steps: give --dense-type f16")
      ->capture_default_str();
  command
      .add_option("--refine-learning-rate", refine.learning_rate,
                  "largest relative change of a row's scales in one step")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      .add_option("--refine-probe-weight", refine.probe_weight,
                  "of what is left of the probes' divergence, beside what is left of the text's")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--refine-windows", refine.windows, "calibration windows in a step")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--refine-items", refine.items, "probe items in a step")
      ->capture_default_str();
}

void add_output(CLI::App& command, Arguments& a) {
  command.add_option("--output,-o", a.options.output, "folder for the result; new or empty")
      ->required()
      ->type_name("DIR");
  command
      .add_option_function<std::vector<std::string>>(
          "--format",
          [&a](const std::vector<std::string>& names) {
            try {
              for (const auto& name : names) a.formats.push_back(format_from(name));
            } catch (const Error& error) {
              throw CLI::ValidationError(error.what());
            }
          },
          "compressed-tensors (default), gptq, gptq_v2, gguf or safetensors (dense); repeatable: "
          "each then gets its own folder")
      ->type_name("NAME");
  const auto dense = [](const std::string& text) { return stored_type_from(text, false); };
  const auto embedding = [](const std::string& text) { return stored_type_from(text, true); };
  add_named(command, "--dense-type", a.options.write.dense_type, dense,
            "type of what is not quantized: bf16 (default), f16 or f32");
  add_named(command, "--embedding-type", a.options.write.embedding_type, embedding,
            "type of embeddings and output layer: bf16 (default), f16, f32, or q8_0 in GGUF");
  auto* resume = command.add_flag("--resume", a.options.resume,
                                  "go on with an unfinished run in the output folder");
  command.add_flag("--overwrite", a.options.overwrite, "replace an earlier result in the folder")
      ->excludes(resume);
  command.add_flag("--dry-run", a.dry_run, "check everything, print the plan, and stop");
}

ClipSearch clip_from(const Arguments& a) {
  ClipSearch clip = default_clip(a.options.layer.method);
  clip.steps = a.clip_steps.value_or(clip.steps);
  clip.norm = a.clip_norm.value_or(clip.norm);
  clip.weighted = a.clip_weighted.value_or(clip.weighted);
  return clip;
}

void finish_options(Arguments& a) {
  a.options.layer.clip = clip_from(a);
  if (!a.formats.empty()) a.options.formats = a.formats;
  for (const auto& pattern : a.ignore) {
    LayerOverride ignored;
    ignored.pattern = pattern;
    ignored.ignore = true;
    a.options.overrides.push_back(std::move(ignored));
  }
  a.options.source_name = a.model.string();
}

QuantizeReport quantize(const Checkpoint& source, const QuantizeOptions& options,
                        ProgressLine& line) {
  try {
    return quantize_model(source, options, line.callback());
  } catch (const Interrupted& stop) {
    fail<Interrupted>("{}; the same command with --resume goes on from there", stop.what());
  }
}

void choose_bits(const Checkpoint& source, Arguments& a, ProgressLine& line) {
  if (!a.read_bits.empty()) {
    a.options.bit_plan = bit_plan_from_json(Json::parse_file(a.read_bits));
    return;
  }
  if (!a.bits_budget) return;
  a.options.bit_plan = plan_bits(source, a.options, *a.bits_budget, line.callback());
  line.clear();
  if (!a.write_bits.empty())
    write_file_atomic(a.write_bits, to_json(*a.options.bit_plan).dump(2) + "\n");
}

int run(Arguments& a) {
  apply_common(a.common);
  finish_options(a);
  const auto source = open_checkpoint(a.model);
  ProgressLine line(a.common.progress);
  choose_bits(*source, a, line);
  if (a.dry_run) {
    print_plan(*source, a.options, plan_quantization(*source, a.options), a.common.json);
    return kSuccess;
  }
  if (!a.common.json)
    a.options.on_plan = [&](const QuantizePlan& plan) {
      print_plan(*source, a.options, plan, false);
    };
  const QuantizeReport report = quantize(*source, a.options, line);
  line.clear();
  print_report(report, a.options, a.common.json);
  return report.too_many_fallbacks() ? kFallbacks : kSuccess;
}

}  // namespace

void add_quantize(CLI::App& app, int& exit_code) {
  auto a = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "quantize", "make a model smaller: store its weights in few bits, with little loss");
  command->add_option("model", a->model, "a .gguf file or a Hugging Face folder")
      ->required()
      ->check(CLI::ExistingPath)
      ->type_name("MODEL");
  add_output(*command, *a);
  add_grid(*command, *a);
  add_calibration(*command, a->options.calibration);
  command
      ->add_option("--seed", a->options.calibration.seed,
                   "0: pieces evenly spread; else drawn with this seed")
      ->capture_default_str();
  add_layers(*command, *a);
  add_bit_plan(*command, *a);
  add_fairness(*command, a->options.fairness);
  add_refine(*command, a->options.refine);
  add_common(*command, a->common);
  command->callback([a, command, &exit_code] {
    check_fairness_is_on(*command, a->options.fairness);
    exit_code = run(*a);
  });
}

}  // namespace libquant::cli
