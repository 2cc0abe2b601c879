#include <string>
#include <vector>

#include "libquant/io/gguf.h"
#include "libquant/tokenizer/chat.h"
#include "libquant/tokenizer/tokenizer.h"
#include "tests/support/catch.h"
#include "tests/support/real_data.h"

using libquant::GgufFile;
using libquant::Tokenizer;
using Ids = std::vector<std::int32_t>;

namespace {

std::optional<Tokenizer> smollm2() {
  const auto model = libquant::testing::demonstration_model();
  if (!model) return std::nullopt;
  return Tokenizer(libquant::tokenizer_from_gguf(GgufFile(*model).metadata()));
}

}  // namespace

TEST_CASE("SmolLM2 splits digits one by one before words, as llama.cpp does") {
  const auto tokenizer = smollm2();
  if (!tokenizer) return;
  CHECK(tokenizer->encode("Year 2024 and  12345 cats. ") ==
        Ids{19840, 216, 34, 32, 34, 36, 284, 256, 33, 34, 35, 36, 37, 7680, 30, 216});
  CHECK(tokenizer->decode(tokenizer->encode("Year 2024 and  12345 cats. ")) ==
        "Year 2024 and  12345 cats. ");
}

TEST_CASE("SmolLM2's template puts its default system message first and stops at the end of turn") {
  const auto tokenizer = smollm2();
  if (!tokenizer) return;
  const auto format = libquant::detect_chat_format(tokenizer->spec());
  REQUIRE(format == libquant::ChatFormat::chatml);
  const std::vector<libquant::ChatMessage> messages = {{"user", "Hi"}};
  const std::string text = libquant::render_chat(format, tokenizer->spec(), messages, true);
  CHECK(text ==
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
        "Face<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  const Ids ids = tokenizer->encode(text);
  CHECK(ids.front() == 1);
  CHECK(tokenizer->decode(ids, true) == text);
  CHECK(libquant::stop_tokens(format, *tokenizer) == Ids{2});
}
