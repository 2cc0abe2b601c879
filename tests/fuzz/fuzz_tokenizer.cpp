#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "libquant/core/error.h"
#include "libquant/io/gguf.h"
#include "libquant/io/json.h"
#include "libquant/tokenizer/chat.h"
#include "libquant/tokenizer/tokenizer.h"

using libquant::Json;
using libquant::Tokenizer;
using libquant::TokenizerSpec;

namespace {

constexpr std::string_view kText =
    " The  cat's 123 HATS\r\n\n\tcaf\xC3\xA9 e\xCC\x81 \xE4\xBD\xA0 <s>a</s> aab bba <a> "
    "\xFF\xE2\x96\x81x";

void expect(bool ok) {
  if (!ok) std::abort();
}

// Whatever is accepted must encode, decode and survive being written.
void exercise(const TokenizerSpec& spec) {
  const Tokenizer tokenizer(spec);
  const auto ids = tokenizer.encode(kText);
  for (const auto id : ids) {
    expect(id >= 0 && static_cast<std::size_t>(id) < tokenizer.vocabulary_size());
    tokenizer.token_bytes(id);
  }
  tokenizer.decode(ids);
  tokenizer.encode(kText, {false, false});
  if (const auto format = libquant::detect_chat_format(spec);
      format != libquant::ChatFormat::none) {
    const libquant::ChatMessage messages[] = {{"system", "s"}, {"user", "u"}, {"assistant", "a"}};
    libquant::render_chat(format, spec, messages, true);
  }
  const auto [json, config] = libquant::tokenizer_to_json(spec);
  expect(libquant::tokenizer_from_json(json, config) == spec);
  libquant::GgufMetadata metadata;
  try {
    libquant::tokenizer_to_gguf(spec, metadata);
  } catch (const libquant::NotSupported&) {
    return;
  }
  expect(libquant::tokenizer_from_gguf(metadata) == spec);
}

}  // namespace

// The input is a tokenizer.json; a member "config" is its tokenizer_config.json.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const Json input = Json::parse({reinterpret_cast<const char*>(data), size}, "input");
    const Json* config = input.find("config");
    exercise(libquant::tokenizer_from_json(input, config == nullptr ? Json() : *config));
  } catch (const libquant::FormatError&) {
  } catch (const libquant::NotSupported&) {
  }
  return 0;
}
