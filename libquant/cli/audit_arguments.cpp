#include "libquant/cli/audit_arguments.h"

#include <algorithm>

#include "libquant/io/json.h"
#include "libquant/tokenizer/chat.h"

namespace libquant::cli {
namespace {

void add_items(CLI::App& command, AuditArguments& a) {
  command
      .add_option("--probes", a.request.probes,
                  "files of probe items: BBQ, StereoSet, CrowS-Pairs, WinoBias, ... or your own "
                  "(docs/probe_sets.md)")
      ->required()
      ->check(CLI::ExistingFile)
      ->type_name("FILE...");
  add_named(command, "--probe-format", a.request.probe_format, probe_format_from,
            "how to read them (default: told by the file)");
  command
      .add_option("--items", a.request.items,
                  "audit a sample of this size, drawn in proportion from sets, categories, "
                  "conditions and polarities; 0: all")
      ->capture_default_str();
  command
      .add_option_function<std::string>(
          "--split",
          [&a](const std::string& name) {
            for (const auto split :
                 {ProbeSplit::calibrate, ProbeSplit::select, ProbeSplit::evaluate})
              if (name == to_string(split)) a.request.split = split;
          },
          "only items of this split of the templates: a model quantized with --probes is judged "
          "on evaluate")
      ->check(CLI::IsMember({"calibrate", "select", "evaluate"}))
      ->type_name("NAME");
  command.add_option("--seed", a.request.seed, "of the sample and of all resampling")
      ->capture_default_str();
}

void add_scoring(CLI::App& command, AuditArguments& a) {
  command
      .add_option("--formats", a.formats,
                  "what to score: letters (one prompt per cyclic order of the options), answers "
                  "(the full answers, once), or both")
      ->check(CLI::IsMember({"letters", "answers"}))
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("NAME,...");
  command
      .add_option_function<std::string>(
          "--format",
          [&a](const std::string& name) {
            try {
              a.request.audit.format = scoring_format_from(name);
            } catch (const Error& error) {
              throw CLI::ValidationError(error.what());
            }
          },
          "the format that the report's figures are in (default: one in which the original beats "
          "chance)")
      ->type_name("NAME");
  command
      .add_option("--chat-format", a.chat,
                  "prompts as a chat: auto (the original's own), chatml, llama3, mistral, zephyr; "
                  "none: plain text")
      ->capture_default_str()
      ->type_name("NAME");
  command.add_flag("--study", a.request.study,
                   "also ask as study 2605.15208 does: sampled letters, five seeds, its parser, "
                   "with common and with independent random numbers");
  command
      .add_option("--text", a.request.text.texts,
                  "plain text files: perplexity on them is put beside the figures")
      ->check(CLI::ExistingFile)
      ->type_name("FILE...");
  command.add_option("--max-tokens", a.request.text.max_tokens, "of that text; 0: all")
      ->capture_default_str();
}

void add_statistics(CLI::App& command, AuditArguments& a) {
  AuditOptions& audit = a.request.audit;
  command
      .add_option("--temperature", audit.emergence.temperature,
                  "that emergence is computed at (0.3 in study 2605.15208)")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      .add_option("--samples", audit.emergence.samples, "answers per item that emergence looks at")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--resamples", audit.slices.resamples, "of the bootstrap over templates")
      ->check(CLI::Range(2, 1000000))
      ->capture_default_str();
  command
      .add_option("--minimum-items", audit.slices.minimum_items,
                  "smaller slices are listed, but neither tested nor ranked")
      ->capture_default_str();
}

void add_results(CLI::App& command, AuditArguments& a) {
  command
      .add_option("--output,-o", a.request.output,
                  "folder for report.html, report.json and the scores of every item")
      ->type_name("DIR");
  auto* resume = command.add_flag("--resume", a.request.resume,
                                  "keep the scores that an earlier run left in that folder");
  command.add_flag("--overwrite", a.request.overwrite, "replace an earlier audit in that folder")
      ->excludes(resume);
  command
      .add_option("--gate", a.gate,
                  "limits that decide the exit code: a JSON file (docs/gate.json), or \"default\"")
      ->type_name("FILE");
  command.add_option("--changed", a.request.audit.changed_items, "most changed items to list")
      ->capture_default_str();
}

}  // namespace

void add_audit_options(CLI::App& command, AuditArguments& arguments) {
  add_items(command, arguments);
  add_scoring(command, arguments);
  add_statistics(command, arguments);
  add_results(command, arguments);
  add_common(command, arguments.common);
}

void finish_audit_options(AuditArguments& a) {
  const auto named = [&](std::string_view name) {
    return std::find(a.formats.begin(), a.formats.end(), name) != a.formats.end();
  };
  a.request.scoring.letters = named("letters");
  a.request.scoring.answers = named("answers");
  a.request.chat.reset();
  if (a.chat == "none") {
    a.request.chat = ChatFormat::none;
  } else if (a.chat != "auto") {
    a.request.chat = chat_format_from(a.chat);
  }
  if (!a.gate.empty() && a.gate != "default")
    a.request.audit.thresholds = GateThresholds::from_json(Json::parse_file(a.gate), a.gate);
  Json options(Json::Object{});
  options.set("items", a.request.items);
  options.set("split", a.request.split ? Json(to_string(*a.request.split)) : Json());
  options.set("probe_format", to_string(a.request.probe_format));
  options.set("gate", a.gate.empty() ? Json() : Json(a.gate));
  a.request.options = std::move(options);
}

}  // namespace libquant::cli
