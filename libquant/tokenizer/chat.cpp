#include "libquant/tokenizer/chat.h"

#include <algorithm>
#include <array>

#include "libquant/core/error.h"
#include "libquant/tokenizer/chat_template.h"

namespace libquant {
namespace {

constexpr std::array<std::pair<std::string_view, ChatFormat>, 5> kNames = {
    {{"none", ChatFormat::none},
     {"chatml", ChatFormat::chatml},
     {"llama3", ChatFormat::llama3},
     {"mistral", ChatFormat::mistral},
     {"zephyr", ChatFormat::zephyr}}};

using Messages = std::span<const ChatMessage>;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\n\r\f\v";
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) + 1 - begin);
}

bool starts_with_system(Messages messages) {
  return !messages.empty() && messages.front().role == "system";
}

std::string eos_text(const TokenizerSpec& spec) {
  return spec.eos < 0 ? "" : spec.tokens[static_cast<std::size_t>(spec.eos)];
}

std::string render_chatml(const TokenizerSpec& spec, Messages messages, bool open_assistant) {
  std::string out;
  const auto turn = [&](std::string_view role, std::string_view content) {
    out.append("<|im_start|>").append(role).append("\n").append(content).append("<|im_end|>\n");
  };
  const std::string standing = text::default_system_message(spec.chat_template);
  if (!standing.empty() && !messages.empty() && !starts_with_system(messages)) {
    turn("system", standing);
  }
  for (const ChatMessage& message : messages) turn(message.role, message.content);
  if (open_assistant) out += "<|im_start|>assistant\n";
  return out;
}

std::string render_llama3(const TokenizerSpec& spec, Messages messages, bool open_assistant) {
  std::string out;
  const auto turn = [&](std::string_view role, std::string_view before, std::string_view content) {
    out.append("<|start_header_id|>").append(role).append("<|end_header_id|>\n\n");
    out.append(before).append(trimmed(content)).append("<|eot_id|>");
  };
  // Llama 3.1 and later always open with a system turn that names two dates.
  const std::string date = text::default_date(spec.chat_template);
  if (!date.empty()) {
    const bool given = starts_with_system(messages);
    turn("system", "Cutting Knowledge Date: December 2023\nToday Date: " + date + "\n\n",
         given ? messages.front().content : "");
    if (given) messages = messages.subspan(1);
  }
  for (const ChatMessage& message : messages) turn(message.role, "", message.content);
  if (open_assistant) out += "<|start_header_id|>assistant<|end_header_id|>\n\n";
  return out;
}

std::string render_mistral(const TokenizerSpec& spec, Messages messages) {
  const text::MistralSpelling spelling = text::mistral_spelling(spec.chat_template);
  std::string system;
  if (starts_with_system(messages)) {
    system = messages.front().content + "\n\n";
    messages = messages.subspan(1);
  }
  std::string out;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    if (message.role == "user") {
      const bool has_system = spelling.system_in_last_turn ? i + 1 == messages.size() : i == 0;
      out.append(spelling.open).append(has_system ? system : "");
      out.append(message.content).append(spelling.close);
    } else {
      require(message.role == "assistant",
              "rendering message {} as mistral: role \"{}\", expected user or assistant", i,
              message.role);
      const std::string_view answer =
          spelling.trims_answers ? trimmed(message.content) : std::string_view(message.content);
      out.append(spelling.before_answer).append(answer);
      out.append(eos_text(spec)).append(spelling.after_eos);
    }
  }
  return out;
}

std::string render_zephyr(const TokenizerSpec& spec, Messages messages, bool open_assistant) {
  std::string out;
  for (const ChatMessage& message : messages) {
    out.append("<|").append(message.role).append("|>\n").append(message.content);
    out.append(eos_text(spec)).append("\n");
  }
  if (open_assistant) out += "<|assistant|>\n";
  return out;
}

}  // namespace

ChatFormat detect_chat_format(const TokenizerSpec& spec) {
  const auto has = [&](std::string_view marker) {
    return spec.chat_template.find(marker) != std::string::npos;
  };
  if (has("<|im_start|>")) return ChatFormat::chatml;
  if (has("<|start_header_id|>")) return ChatFormat::llama3;
  // Llama 2 shares Mistral's markers but wraps the system message in its own.
  if (has("[INST]") && !has("<<SYS>>")) return ChatFormat::mistral;
  if (has("<|user|>") && has("<|assistant|>") && has("eos_token")) return ChatFormat::zephyr;
  return ChatFormat::none;
}

std::string_view to_string(ChatFormat format) noexcept {
  for (const auto& [name, value] : kNames) {
    if (value == format) return name;
  }
  return "";
}

ChatFormat chat_format_from(std::string_view name) {
  for (const auto& [known, value] : kNames) {
    if (known == name) return value;
  }
  fail<InvalidArgument>(
      "chat format \"{}\" is unknown; there are none, chatml, llama3, mistral and zephyr", name);
}

std::string render_chat(ChatFormat format, const TokenizerSpec& spec, Messages messages,
                        bool open_assistant) {
  switch (format) {
    case ChatFormat::chatml:
      return render_chatml(spec, messages, open_assistant);
    case ChatFormat::llama3:
      return render_llama3(spec, messages, open_assistant);
    case ChatFormat::mistral:
      return render_mistral(spec, messages);
    case ChatFormat::zephyr:
      return render_zephyr(spec, messages, open_assistant);
    case ChatFormat::none:
      break;
  }
  fail<InvalidArgument>(
      "rendering a conversation: the tokenizer has no chat template of a known format, and none "
      "was named (chatml, llama3, mistral, zephyr)");
}

std::vector<std::int32_t> stop_tokens(ChatFormat format, const Tokenizer& tokenizer) {
  std::vector<std::int32_t> out;
  const auto add = [&](std::int32_t id) {
    if (id >= 0 && std::find(out.begin(), out.end(), id) == out.end()) out.push_back(id);
  };
  add(tokenizer.spec().eos);
  add(tokenizer.spec().eot);
  add(tokenizer.spec().eom);
  if (format == ChatFormat::chatml) add(tokenizer.find("<|im_end|>"));
  if (format == ChatFormat::llama3) {
    add(tokenizer.find("<|eot_id|>"));
    add(tokenizer.find("<|eom_id|>"));
  }
  return out;
}

}  // namespace libquant
