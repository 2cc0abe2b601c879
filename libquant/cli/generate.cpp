#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/cli/arguments.h"
#include "libquant/cli/commands.h"
#include "libquant/cli/console.h"
#include "libquant/io/json.h"
#include "libquant/pipeline/chat_session.h"
#include "libquant/pipeline/process_memory.h"

namespace libquant::cli {
namespace {

struct Arguments {
  CommonArguments common;
  std::filesystem::path model;
  std::optional<std::string> prompt;
  std::string system;
  std::optional<ChatFormat> format;
  bool no_chat = false;
  std::size_t context = 4096;
  ModelOptions model_options{.activations = Activations::int8};
  SamplingOptions sampling;
};

bool print_text(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  return !interrupted();
}

void print_speed(const Generation& g) {
  const auto rate = [](std::size_t tokens, double seconds) {
    return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;
  };
  say(fmt::format("[prompt {} tokens, {:.1f} tokens/s; answer {} tokens, {:.1f} tokens/s{}]\n",
                  g.prompt_tokens, rate(g.prompt_tokens, g.prompt_seconds), g.tokens.size(),
                  rate(g.tokens.size(), g.seconds),
                  g.stopped || interrupted() ? "" : ", cut at the limit"));
}

// How the weights are held; what had to be expanded is said in full.
void print_weights(const Model& model) {
  std::size_t matrices = 0, bytes = 0;
  for (const WeightUse& use : model.weight_uses()) {
    matrices += use.matrices;
    bytes += use.bytes;
    if (use.expanded())
      say(fmt::format("[{} matrices of type {} expanded to {}: {} instead of {}]\n", use.matrices,
                      use.stored, use.form == WeightUse::Form::f32 ? "fp32" : "8-bit codes",
                      bytes_text(static_cast<double>(use.bytes)),
                      bytes_text(static_cast<double>(use.stored_bytes))));
  }
  say(fmt::format("[{} matrices in {}, activations {}]\n", matrices,
                  bytes_text(static_cast<double>(bytes)), to_string(model.options().activations)));
}

Json weights_json(const Model& model) {
  Json::Array uses;
  for (const WeightUse& use : model.weight_uses())
    uses.push_back(Json::object({{"stored", use.stored},
                                 {"form", to_string(use.form)},
                                 {"expanded", use.expanded()},
                                 {"matrices", use.matrices},
                                 {"stored_bytes", use.stored_bytes},
                                 {"bytes", use.bytes}}));
  return Json(std::move(uses));
}

Json answer_json(const ChatSession::Answer& answer, ChatFormat format, const Model& model) {
  Json::Array ids;
  for (const auto id : answer.generation.tokens) ids.emplace_back(std::int64_t{id});
  const Generation& g = answer.generation;
  return Json::object({{"text", answer.text},
                       {"tokens", std::move(ids)},
                       {"stopped", g.stopped},
                       {"chat_format", to_string(format)},
                       {"activations", to_string(model.options().activations)},
                       {"weights", weights_json(model)},
                       {"memory_bytes", static_cast<std::int64_t>(anonymous_bytes())},
                       {"prompt_tokens", g.prompt_tokens},
                       {"prompt_seconds", g.prompt_seconds},
                       {"seconds", g.seconds}});
}

int answer_once(const Arguments& a, const Model& model, ChatSession& session, ChatFormat format,
                const std::string& prompt) {
  const auto stream = a.common.json
                          ? ChatSession::OnText([](std::string_view) { return !interrupted(); })
                          : ChatSession::OnText(print_text);
  const auto answer = format == ChatFormat::none ? session.complete(prompt, a.sampling, stream)
                                                 : session.say(prompt, a.sampling, stream);
  if (a.common.json) {
    fmt::print("{}\n", answer_json(answer, format, model).dump(2));
  } else {
    fmt::print("\n");
    std::fflush(stdout);
    print_speed(answer.generation);
    if (answer.forgotten > 0)
      say(fmt::format("[the context is full: {} of the oldest exchanges forgotten]\n",
                      answer.forgotten));
  }
  return interrupted() ? kInterrupted : kSuccess;
}

int converse(const Arguments& a, const Model& model, ChatSession& session, ChatFormat format) {
  say("Type a message and press Enter; an empty line or Ctrl-D ends, Ctrl-C cuts an answer "
      "short.\n");
  for (std::string line;;) {
    say("\n> ");
    if (!wait_for_input()) {
      say("\n");
      return kInterrupted;
    }
    if (!std::getline(std::cin, line) || line.empty()) return kSuccess;
    try {
      answer_once(a, model, session, format, line);
    } catch (const InvalidArgument& error) {
      say(fmt::format("[{}]\n", error.what()));  // a message that is too long, say
    }
    clear_interrupt();
  }
}

// The line end that echo and editors put at the end is not part of what is said.
std::string read_input() {
  std::string text{std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

ChatFormat format_for(const Arguments& a, const TokenizerSpec& spec) {
  if (a.no_chat) return ChatFormat::none;
  if (a.format) return *a.format;
  const ChatFormat format = detect_chat_format(spec);
  if (format == ChatFormat::none)
    say(spec.chat_template.empty()
            ? "[no chat template in the model: it continues the text]\n"
            : "[the model's chat template is of no known format: it continues the text; "
              "--chat-format names one]\n");
  return format;
}

int run(Arguments& a) {
  apply_common(a.common);
  const auto checkpoint = open_checkpoint(a.model);
  const Tokenizer tokenizer(checkpoint->tokenizer());
  const ChatFormat format = format_for(a, checkpoint->tokenizer());
  require(format != ChatFormat::none || a.system.empty(),
          "--system needs a chat format, and the model has none that libquant knows; name one with "
          "--chat-format");
  const auto stops = declared_stops(*checkpoint);
  a.sampling.stop.insert(a.sampling.stop.end(), stops.begin(), stops.end());
  const Model model(*checkpoint, a.model_options);
  if (!a.common.json) print_weights(model);
  ChatSession session(model, tokenizer, format, a.system, a.context);
  if (!a.prompt && input_is_terminal() && !a.common.json)
    return converse(a, model, session, format);
  const std::string prompt = a.prompt ? *a.prompt : read_input();
  require(!prompt.empty(), "the prompt is empty");
  return answer_once(a, model, session, format, prompt);
}

void add_sampling(CLI::App& command, Arguments& a) {
  SamplingOptions& s = a.sampling;
  command
      .add_option("--temperature", s.temperature, "0: always the likeliest token; higher: freer")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--top-k", s.top_k, "draw from the K likeliest tokens; 0: from all")
      ->capture_default_str();
  command
      .add_option("--top-p", s.top_p,
                  "draw from the likeliest tokens that make up this probability")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command.add_option("--seed", s.seed, "the same seed gives the same answer")
      ->capture_default_str();
  command.add_option("--max-tokens", s.max_tokens, "longest answer")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      .add_option("--context", a.context,
                  "tokens of conversation to keep, the oldest are forgotten; capped at the model's")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

}  // namespace

void add_generate(CLI::App& app, int& exit_code) {
  auto a = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("generate", "let a model answer a prompt, or chat with it in a terminal");
  command->add_option("model", a->model, "a .gguf file or a Hugging Face folder")
      ->required()
      ->check(CLI::ExistingPath)
      ->type_name("MODEL");
  command
      ->add_option("--prompt,-p", a->prompt,
                   "what to say (default: chat in a terminal, else read standard input)")
      ->type_name("TEXT");
  auto* system =
      command->add_option("--system", a->system, "instructions given before the conversation")
          ->type_name("TEXT");
  auto* format =
      command
          ->add_option_function<std::string>(
              "--chat-format",
              [a = a.get()](const std::string& name) {
                try {
                  a->format = chat_format_from(name);
                } catch (const Error& error) {
                  throw CLI::ValidationError(error.what());
                }
              },
              "chatml, llama3, mistral or zephyr (default: as the model's template says)")
          ->type_name("NAME");
  command->add_flag("--no-chat", a->no_chat, "continue the prompt as plain text")
      ->excludes(format)
      ->excludes(system);
  add_activations(*command, a->model_options.activations);
  add_sampling(*command, *a);
  add_common(*command, a->common);
  command->callback([a, &exit_code] { exit_code = run(*a); });
}

}  // namespace libquant::cli
