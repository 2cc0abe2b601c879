// Conversations against what Jinja renders (tests/tools/make_tokenizer_goldens.py).

#include "libquant/tokenizer/chat.h"

#include "libquant/core/error.h"
#include "libquant/tokenizer/chat_template.h"
#include "tests/unit/tokenizer/golden.h"

using libquant::ChatFormat;
using libquant::ChatMessage;
using libquant::Json;
using libquant::TokenizerSpec;
namespace testing = libquant::testing;

namespace {

std::vector<ChatMessage> messages_from(const Json& conversation) {
  std::vector<ChatMessage> messages;
  for (const Json& turn : conversation.as_array("conversation")) {
    const auto& pair = turn.as_array("turn");
    messages.push_back({pair[0].as_string("role"), pair[1].as_string("content")});
  }
  return messages;
}

TokenizerSpec spec_with(std::string chat_template) {
  TokenizerSpec spec;
  spec.tokens = {"<s>", "</s>", "<|im_end|>", "<|eot_id|>", "a"};
  spec.types.assign(5, TokenizerSpec::TokenType::control);
  spec.types[4] = TokenizerSpec::TokenType::normal;
  spec.pre_tokenizers = {TokenizerSpec::ByteLevel{}};
  spec.bos = 0;
  spec.eos = 1;
  spec.chat_template = std::move(chat_template);
  return spec;
}

}  // namespace

TEST_CASE("Conversations read as Jinja renders them") {
  const Json golden = Json::parse_file(testing::golden_tokenizers() / "chats.json");
  const auto& conversations = golden.at("conversations").as_array("conversations");
  for (const Json& entry : golden.at("templates").as_array("templates")) {
    const TokenizerSpec spec = spec_with(entry.at("template").as_string("template"));
    const ChatFormat format = libquant::detect_chat_format(spec);
    INFO(entry.at("name").as_string("name"));
    REQUIRE(libquant::to_string(format) == entry.at("format").as_string("format"));
    const auto& texts = entry.at("texts").as_array("texts");
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto messages = messages_from(conversations[i % conversations.size()]);
      const bool open_assistant = i < conversations.size();
      CHECK(libquant::render_chat(format, spec, messages, open_assistant) ==
            texts[i].as_string("text"));
    }
  }
}

TEST_CASE("An unknown or absent template has no format") {
  CHECK(libquant::detect_chat_format(spec_with("")) == ChatFormat::none);
  CHECK(libquant::detect_chat_format(spec_with("{{ messages }}")) == ChatFormat::none);
  CHECK(libquant::detect_chat_format(spec_with("[INST] <<SYS>>")) == ChatFormat::none);
  CHECK_THROWS_AS(libquant::render_chat(ChatFormat::none, spec_with(""), {}, true),
                  libquant::InvalidArgument);
}

TEST_CASE("A format can be named, and names are spelled one way") {
  for (const auto format : {ChatFormat::none, ChatFormat::chatml, ChatFormat::llama3,
                            ChatFormat::mistral, ChatFormat::zephyr}) {
    CHECK(libquant::chat_format_from(libquant::to_string(format)) == format);
  }
  CHECK_THROWS_AS(libquant::chat_format_from("ChatML"), libquant::InvalidArgument);
  const std::vector<ChatMessage> messages = {{"user", "Hi"}, {"assistant", "Yes"}};
  CHECK(libquant::render_chat(ChatFormat::mistral, spec_with(""), messages, true) ==
        "[INST] Hi [/INST] Yes</s>");
  const std::vector<ChatMessage> tool = {{"tool", "Hi"}};
  CHECK_THROWS_AS(libquant::render_chat(ChatFormat::mistral, spec_with(""), tool, true),
                  libquant::InvalidArgument);
}

TEST_CASE("An answer stops at EOS and at the format's end of turn") {
  const libquant::Tokenizer tokenizer(spec_with(""));
  CHECK(libquant::stop_tokens(ChatFormat::chatml, tokenizer) == testing::Ids{1, 2});
  CHECK(libquant::stop_tokens(ChatFormat::llama3, tokenizer) == testing::Ids{1, 3});
  CHECK(libquant::stop_tokens(ChatFormat::zephyr, tokenizer) == testing::Ids{1});
  CHECK(libquant::stop_tokens(ChatFormat::none, tokenizer) == testing::Ids{1});
  libquant::TokenizerSpec spec = spec_with("");
  spec.eot = 3;
  spec.eom = 2;
  CHECK(libquant::stop_tokens(ChatFormat::none, libquant::Tokenizer(spec)) ==
        testing::Ids{1, 3, 2});
}

TEST_CASE("Template literals are read whatever the quotes, comments and ends") {
  using libquant::text::string_literals;
  CHECK(string_literals("a 'no' {{ 'yes' + \"it's\\n\" }} {# '{{' #}{% if x == 'z' %}") ==
        std::vector<std::string>{"yes", "it's\n", "z"});
  CHECK(string_literals("{{ 'open").size() == 1);
  CHECK(string_literals("{{ '\\").size() == 1);
  CHECK(string_literals("{# never closed {{ 'x' }}").empty());
  CHECK(string_literals("{").empty());
}
