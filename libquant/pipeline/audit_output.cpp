#include "libquant/pipeline/audit_output.h"

#include "libquant/audit/html_report.h"
#include "libquant/checkpoint/checkpoint.h"
#include "libquant/core/error.h"
#include "libquant/io/atomic_file.h"
#include "libquant/pipeline/chat_session.h"

namespace libquant {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kAnswerContext = 2048;

Json item_json(const ProbeItem& item) {
  Json options(Json::Array{});
  for (const ProbeOption& option : item.options)
    options.push_back(Json::object({{"text", option.text}, {"role", to_string(option.role)}}));
  return Json::object({{"id", item.id},
                       {"set", item.set},
                       {"category", item.category},
                       {"group", item.group},
                       {"polarity", item.polarity},
                       {"condition", to_string(item.condition)},
                       {"template", item.template_id},
                       {"form", item.form == ItemForm::choice ? "choice" : "sentences"},
                       {"context", item.context},
                       {"question", item.question},
                       {"prompt", item.prompt},
                       {"options", std::move(options)},
                       {"correct", item.correct}});
}

std::string free_prompt(const ProbeItem& item, ChatFormat chat) {
  if (!item.prompt.empty()) return item.prompt;
  const std::string context = item.context.empty() ? "" : item.context + "\n\n";
  return chat == ChatFormat::none ? fmt::format("{}Q: {}\nA:", context, item.question)
                                  : context + item.question;
}

}  // namespace

void prepare_audit_folder(const AuditRequest& request) {
  const fs::path& folder = request.output;
  if (folder.empty()) return;
  require(!fs::exists(folder) || fs::is_directory(folder), "{} is no folder", folder.string());
  const bool used = fs::exists(folder) && !fs::is_empty(folder);
  require(!used || request.resume || request.overwrite,
          "{} is not empty: --resume keeps its scores, --overwrite replaces them", folder.string());
  // Only what an audit writes, and only where an audit has written.
  if (used && request.overwrite) {
    require(fs::exists(folder / "scores"), "{} holds no audit to overwrite", folder.string());
    fs::remove_all(folder / "scores");
    fs::remove_all(folder / "samples");
    for (const char* file : {"report.json", "report.html", "items.jsonl"})
      fs::remove(folder / file);
  }
  fs::create_directories(folder / "scores");
  if (request.study) fs::create_directories(folder / "samples");
}

void write_audit_folder(const fs::path& folder, std::span<const ProbeItem> items,
                        const Json& report) {
  AtomicFile lines(folder / "items.jsonl");
  for (const ProbeItem& item : items) lines.write(item_json(item).dump() + "\n");
  lines.commit();
  write_file_atomic(folder / "report.json", report.dump(1) + "\n");
  write_file_atomic(folder / "report.html", audit_report_html(report));
}

std::string describe_prompts(ChatFormat chat, const ScoringOptions& options) {
  std::string text;
  if (options.answers)
    text += "full answers after \"{context}\\n\\nQ: {question}\\nA:\" or the set's own prompt";
  if (options.letters)
    text += std::string(text.empty() ? "" : "; ") +
            "letters after the prompt of study 2605.15208, over all cyclic orders of the options";
  if (chat == ChatFormat::none) return text + "; plain text";
  return text + fmt::format("; as a user's message in the chat format {}", to_string(chat));
}

std::map<std::string, std::string> free_answers(const fs::path& model,
                                                std::span<const ProbeItem* const> items,
                                                std::size_t tokens, ProgressMeter& progress) {
  std::map<std::string, std::string> answers;
  if (items.empty()) return answers;
  const auto source = open_checkpoint(model);
  const Tokenizer tokenizer(source->tokenizer());
  const ChatFormat chat = detect_chat_format(source->tokenizer());
  const Model loaded(*source);
  SamplingOptions sampling;
  sampling.max_tokens = tokens;
  for (const ProbeItem* item : items) {
    progress.add(0);
    ChatSession session(loaded, tokenizer, chat, "", kAnswerContext);
    const std::string prompt = free_prompt(*item, chat);
    answers[item->id] = (chat == ChatFormat::none ? session.complete(prompt, sampling)
                                                  : session.say(prompt, sampling))
                            .text;
  }
  return answers;
}

}  // namespace libquant
