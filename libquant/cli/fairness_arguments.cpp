#include "libquant/cli/fairness_arguments.h"

#include <charconv>
#include <string>
#include <vector>

#include "libquant/cli/arguments.h"
#include "libquant/pipeline/fair_options.h"

namespace libquant::cli {
namespace {

double keep_from(const std::string& text) {
  if (text == "preserve") return 1;
  if (text == "erase") return 0;
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  require(result.ec == std::errc() && result.ptr == text.data() + text.size() && value >= 0 &&
              value <= 1,
          "\"{}\": expected preserve, erase, or a number from 0 (erase) to 1 (preserve)", text);
  return value;
}

void add_forms(CLI::App& command, FairnessOptions& fairness) {
  command
      .add_option_function<std::vector<std::string>>(
          "--fairness-forms",
          [&fairness](const std::vector<std::string>& names) {
            fairness.answers = fairness.letters = fairness.sentences = false;
            for (const auto& name : names) {
              if (name == "answers") fairness.answers = true;
              if (name == "letters") fairness.letters = true;
              if (name == "sentences") fairness.sentences = true;
            }
          },
          "how probes are put to the model: answers, letters, sentences (default: answers "
          "sentences)")
      ->check(CLI::IsMember({"answers", "letters", "sentences"}))
      ->type_name("NAME...");
}

void add_search(CLI::App& command, SearchOptions& search) {
  command
      .add_option("--fairness-trials", search.trials,
                  "quantize this many times with other strengths, scopes and clip settings, and "
                  "write the model that does best on the selection split; 0: once, as given")
      ->capture_default_str()
      ->type_name("N");
  command
      .add_option("--fairness-trial-items", search.items,
                  "items of the selection split that trials are judged on; 0: all")
      ->capture_default_str();
  command
      .add_option_function<std::vector<double>>(
          "--fairness-loss",
          [&search](const std::vector<double>& weights) {
            search.kl_weight = weights.at(0);
            search.shift_weight = weights.at(1);
            search.abstention_weight = weights.at(2);
          },
          fmt::format("what trials are judged by, beside the loss on neutral text: weights of KL "
                      "divergence, shift to the stereotype, loss of abstention (default: {} {} {})",
                      search.kl_weight, search.shift_weight, search.abstention_weight))
      ->expected(3)
      ->check(CLI::NonNegativeNumber)
      ->type_name("KL SHIFT ABSTENTION");
}

}  // namespace

void add_fairness(CLI::App& command, FairnessOptions& fairness) {
  // Values are set in the order in which options are added here, so the file comes first.
  command
      .add_option_function<std::string>(
          "--fairness-config",
          [&fairness](const std::string& path) {
            try {
              fairness = fairness_options_from_json(Json::parse_file(path), path);
            } catch (const Error& error) {
              throw CLI::ValidationError(error.what());
            }
          },
          "settings of the fairness term as JSON; options on the command line win")
      ->check(CLI::ExistingFile)
      ->type_name("FILE");
  command
      .add_option("--probes", fairness.probes,
                  "probe sets whose answers quantization should not shift (docs/probe_sets.md); "
                  "60 % of their templates are used, the others stay for selection and evaluation")
      ->check(CLI::ExistingFile)
      ->type_name("FILE...");
  command
      .add_option("--fairness", fairness.strength,
                  "strength of the fairness term relative to the reconstruction error; 0: only "
                  "report")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  add_named(command, "--fairness-target", fairness.keep, keep_from,
            "preserve (default) the original's answers, erase differences between pairs, or a "
            "number between 0 and 1");
  add_named(command, "--fairness-statistic", fairness.statistic, probe_statistic_from,
            "what is weighed: sensitivity (default), or for comparison second_moments, "
            "pair_differences, neutral");
  add_named(command, "--fairness-control", fairness.control, probe_control_from,
            "make the probes meaningless: none (default), shuffle_options, shuffle_pairs");
  add_named(command, "--fairness-mode", fairness.mode, fairness_mode_from,
            "quadratic (default), or fair-gptq-2509.15206: the published update, for comparison");
  add_forms(command, fairness);
  command
      .add_option("--probe-items", fairness.items,
                  "items to use, spread evenly over sets and templates; 0: all")
      ->capture_default_str();
  command.add_option("--probe-seed", fairness.seed, "of the sample, signs and controls")
      ->capture_default_str();
  command
      .add_option("--fairness-layers", fairness.layers,
                  "only layers whose name matches get the term (default: all)")
      ->type_name("REGEX");
  command
      .add_option("--fairness-statistics", fairness.statistics,
                  "keep the statistics of the probes here, for later runs with the same probes")
      ->type_name("DIR");
  add_search(command, fairness.search);
}

void check_fairness_is_on(const CLI::App& command, const FairnessOptions& fairness) {
  if (fairness.enabled()) return;
  for (const CLI::Option* option : command.get_options()) {
    const std::string name = option->get_name();
    if (option->count() > 0 && (name.starts_with("--fairness") || name.starts_with("--probe")))
      throw CLI::ValidationError(name + " has no effect without --probes FILE...");
  }
}

}  // namespace libquant::cli
