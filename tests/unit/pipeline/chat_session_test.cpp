#include "libquant/pipeline/chat_session.h"

#include "libquant/core/error.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/tiny_checkpoint.h"

namespace libquant {
namespace {

using testing::TinyCheckpoint;
using Tokens = std::vector<std::int32_t>;

TinyCheckpoint chat_model() {
  ModelConfig config = testing::tiny_text_config();
  config.max_positions = 1024;
  return TinyCheckpoint(config);
}

struct Talk {
  TinyCheckpoint source = chat_model();
  Model model{source};
  Tokenizer tokenizer{source.spec};
  SamplingOptions sampling;

  Talk() { sampling.max_tokens = 12; }

  Tokens encode(std::string_view text) const {
    return tokenizer.encode(text, {.add_special = false, .parse_special = true});
  }
  // What a model that has seen nothing before answers to the whole conversation.
  Tokens answer_to(const std::vector<ChatMessage>& messages) const {
    KvCache cache(model.config(), 1024);
    SamplingOptions options = sampling;
    options.stop = stop_tokens(ChatFormat::chatml, tokenizer);
    const auto prompt = encode(render_chat(ChatFormat::chatml, source.spec, messages, true));
    return generate(model, cache, prompt, options).tokens;
  }
};

TEST_CASE("every turn answers the whole conversation, though only its new part is computed") {
  const Talk t;
  ChatSession session(t.model, t.tokenizer, ChatFormat::chatml, "Be kind.", 1024);
  std::vector<ChatMessage> messages{{"system", "Be kind."}};
  for (const char* said : {"abc", "hello there", "why?"}) {
    messages.push_back({"user", said});
    const auto answer = session.say(said, t.sampling);
    CHECK(answer.generation.tokens == t.answer_to(messages));
    CHECK(answer.text == t.tokenizer.decode(answer.generation.tokens));
    CHECK(answer.forgotten == 0);
    if (messages.size() > 2) CHECK(answer.generation.prompt_tokens < 120);
    messages.push_back({"assistant", answer.text});
  }
}

TEST_CASE("a conversation that outgrows its context forgets its oldest exchanges only") {
  const Talk t;
  ChatSession session(t.model, t.tokenizer, ChatFormat::chatml, "Be kind.", 400);
  std::vector<ChatMessage> messages{{"system", "Be kind."}};
  std::size_t forgotten = 0;
  for (int turn = 0; turn < 8; ++turn) {
    const std::string said(20, static_cast<char>('a' + turn));
    messages.push_back({"user", said});
    const auto answer = session.say(said, t.sampling);
    forgotten += answer.forgotten;
    messages.erase(messages.begin() + 1,
                   messages.begin() + 1 + 2 * static_cast<std::ptrdiff_t>(answer.forgotten));
    CHECK(answer.generation.tokens == t.answer_to(messages));
    messages.push_back({"assistant", answer.text});
  }
  CHECK(forgotten > 2);
  CHECK(messages.size() > 3);
}

TEST_CASE("a message that cannot fit is refused and leaves the conversation as it was") {
  const Talk t;
  ChatSession session(t.model, t.tokenizer, ChatFormat::chatml, "", 300);
  std::vector<ChatMessage> messages{{"user", "abc"}};
  messages.push_back({"assistant", session.say("abc", t.sampling).text});
  CHECK_THROWS_AS(session.say(std::string(300, 'x'), t.sampling), InvalidArgument);
  messages.push_back({"user", "still there?"});
  CHECK(session.say("still there?", t.sampling).generation.tokens == t.answer_to(messages));
}

TEST_CASE("an answer streams its bytes, and ends where the listener has heard enough") {
  const Talk t;
  ChatSession session(t.model, t.tokenizer, ChatFormat::none, "", 1024);
  CHECK_THROWS_AS(session.say("hello", t.sampling), InvalidArgument);
  std::string heard;
  const auto all = session.complete("once", t.sampling, [&](std::string_view bytes) {
    heard += bytes;
    return true;
  });
  CHECK(all.generation.tokens.size() == 12);
  std::string expected;
  for (const std::int32_t token : all.generation.tokens) expected += t.tokenizer.token_bytes(token);
  CHECK(heard == expected);
  int tokens = 0;
  const auto cut =
      session.complete("once", t.sampling, [&](std::string_view) { return ++tokens < 3; });
  CHECK(cut.generation.tokens.size() == 3);
}

TEST_CASE("a model's files name the tokens that end an answer, one or several") {
  TinyCheckpoint model;
  CHECK(declared_stops(model).empty());
  model.generation = Json::parse(R"({"eos_token_id": [7, 3, 7]})", "generation_config.json");
  model.files.config_json = Json::parse(R"({"eos_token_id": 5})", "config.json");
  CHECK(declared_stops(model) == Tokens{3, 5, 7});
  model.files.config_json = Json::parse(R"({"eos_token_id": null})", "config.json");
  CHECK(declared_stops(model) == Tokens{3, 7});
  for (const char* text : {R"({"eos_token_id": 257})", R"({"eos_token_id": [-1]})"}) {
    model.generation = Json::parse(text, "generation_config.json");
    CHECK_THROWS_AS(declared_stops(model), FormatError);
  }
  model.generation = Json::parse(R"({"eos_token_id": "end"})", "generation_config.json");
  CHECK_THROWS_AS(declared_stops(model), FormatError);
}

}  // namespace
}  // namespace libquant
