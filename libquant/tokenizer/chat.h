#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/tokenizer/tokenizer.h"

namespace libquant {

enum class ChatFormat : std::uint8_t { none, chatml, llama3, mistral, zephyr };

struct ChatMessage {
  std::string role;  ///< "system", "user" or "assistant"
  std::string content;
};

/// Recognised by the markers in the template; an unknown or absent template gives `none`.
ChatFormat detect_chat_format(const TokenizerSpec& spec);
std::string_view to_string(ChatFormat format) noexcept;
/// InvalidArgument listing the names otherwise.
ChatFormat chat_format_from(std::string_view name);

/// The text of a conversation, special tokens spelled out and BOS not included; with
/// `open_assistant` it ends where the assistant is to speak. SmolLM2's template puts a default
/// system message first when there is none: so does this, reading it from the template.
std::string render_chat(ChatFormat format, const TokenizerSpec& spec,
                        std::span<const ChatMessage> messages, bool open_assistant);
/// Tokens at which an answer ends: the tokenizer's eos, eot and eom, and the end of turn of the
/// format.
std::vector<std::int32_t> stop_tokens(ChatFormat format, const Tokenizer& tokenizer);

}  // namespace libquant
