// A spec written to tokenizer.json or GGUF and read again is the same spec.

#include <algorithm>

#include "libquant/core/error.h"
#include "libquant/core/hash.h"
#include "libquant/io/gguf.h"
#include "libquant/tokenizer/presets.h"
#include "tests/support/real_data.h"
#include "tests/unit/tokenizer/golden.h"

using libquant::GgufMetadata;
using libquant::GgufValue;
using libquant::Json;
using libquant::NotSupported;
using libquant::TokenizerSpec;
namespace testing = libquant::testing;

namespace {

using Scheme = TokenizerSpec::Metaspace::Prepend;

TokenizerSpec byte_level() {
  return testing::read_tokenizer(testing::golden_tokenizers() / "tiny_byte_level");
}

TokenizerSpec sentencepiece() {
  return testing::read_tokenizer(testing::golden_tokenizers() / "tiny_sentencepiece");
}

TokenizerSpec through_json(const TokenizerSpec& spec) {
  const auto [tokenizer, config] = libquant::tokenizer_to_json(spec);
  return libquant::tokenizer_from_json(Json::parse(tokenizer.dump(1), "tokenizer.json"),
                                       Json::parse(config.dump(1), "tokenizer_config.json"));
}

GgufMetadata to_gguf(const TokenizerSpec& spec) {
  GgufMetadata metadata;
  libquant::tokenizer_to_gguf(spec, metadata);
  return metadata;
}

bool has_extension(const GgufMetadata& metadata) {
  return metadata.find("libquant.tokenizer") != nullptr;
}

// The small vocabulary made as plain as GGUF's own keys can say.
TokenizerSpec plain_byte_level(const char* pre) {
  TokenizerSpec spec = byte_level();
  const auto* preset = libquant::text::preset_named(pre);
  REQUIRE(preset != nullptr);
  spec.pre = pre;
  spec.pre_tokenizers = preset->pre_tokenizers;
  spec.ignore_merges = preset->ignore_merges;
  spec.normalizers.clear();
  if (preset->nfc) spec.normalizers = {TokenizerSpec::Nfc{}};
  for (auto& token : spec.added) token = {token.id};
  return spec;
}

}  // namespace

TEST_CASE("The small vocabularies have what their files say") {
  const TokenizerSpec spec = byte_level();
  CHECK(spec.kind == TokenizerSpec::Kind::byte_level);
  CHECK(spec.ignore_merges);
  CHECK(spec.add_bos);
  CHECK(spec.add_eos);
  CHECK(spec.bos == 0);
  CHECK(spec.eos == 1);
  CHECK(spec.pad == 1);
  CHECK(spec.chat_template.find("<|im_start|>") != std::string::npos);
  CHECK(std::count_if(spec.added.begin(), spec.added.end(), [](const auto& token) {
          return token.single_word && token.normalized;
        }) == 1);
  const TokenizerSpec other = sentencepiece();
  CHECK(other.kind == TokenizerSpec::Kind::sentencepiece);
  CHECK(other.byte_fallback);
  CHECK(other.map_unknown);
  CHECK(other.types[0] == TokenizerSpec::TokenType::unknown);
  CHECK(other.types[3] == TokenizerSpec::TokenType::byte);
  CHECK(other.strip_leading_space);
  CHECK(other.add_bos);
  CHECK_FALSE(other.add_eos);
}

TEST_CASE("tokenizer.json gives the spec back") {
  CHECK(through_json(byte_level()) == byte_level());
  CHECK(through_json(sentencepiece()) == sentencepiece());
  for (const auto& preset : libquant::text::presets()) {
    const TokenizerSpec spec = plain_byte_level(std::string(preset.names.front()).c_str());
    INFO(spec.pre);
    CHECK(through_json(spec) == spec);
  }
}

TEST_CASE("GGUF gives the spec back, with its own keys where these suffice") {
  for (const auto& preset : libquant::text::presets()) {
    const TokenizerSpec spec = plain_byte_level(std::string(preset.names.front()).c_str());
    INFO(spec.pre);
    const GgufMetadata metadata = to_gguf(spec);
    CHECK(libquant::tokenizer_from_gguf(metadata) == spec);
    CHECK_FALSE(has_extension(metadata));
  }
  TokenizerSpec llama2 = sentencepiece();
  llama2.pre_tokenizers.clear();
  llama2.normalizers = {TokenizerSpec::Prepend{"\u2581"}, TokenizerSpec::Replace{" ", "\u2581"}};
  CHECK(libquant::tokenizer_from_gguf(to_gguf(llama2)) == llama2);
  CHECK_FALSE(has_extension(to_gguf(llama2)));
}

TEST_CASE("GGUF gives the spec back where its own keys do not suffice") {
  TokenizerSpec flags = plain_byte_level("qwen2");
  flags.added.back().lstrip = true;
  TokenizerSpec no_merges = plain_byte_level("llama-bpe");
  no_merges.ignore_merges = false;
  TokenizerSpec prefix = plain_byte_level("gpt-2");
  prefix.pre_tokenizers = {TokenizerSpec::ByteLevel{true, true}};
  TokenizerSpec without_nfc = plain_byte_level("qwen2");
  without_nfc.normalizers.clear();
  TokenizerSpec no_eos = sentencepiece();
  no_eos.eos = -1;
  TokenizerSpec first = sentencepiece();
  first.pre_tokenizers = {TokenizerSpec::Metaspace{Scheme::first, false}};
  for (const auto& spec : {flags, no_merges, prefix, without_nfc, no_eos, first}) {
    const GgufMetadata metadata = to_gguf(spec);
    CHECK(has_extension(metadata));
    CHECK(libquant::tokenizer_from_gguf(metadata) == spec);
  }
}

TEST_CASE("The ends of a turn and of a message are GGUF's own") {
  TokenizerSpec spec = plain_byte_level("smollm");
  spec.eot = 2;
  spec.eom = 0;
  GgufMetadata metadata = to_gguf(spec);
  CHECK(libquant::tokenizer_from_gguf(metadata) == spec);
  metadata.set("tokenizer.ggml.eot_token_id", GgufValue::u32(1u << 20));
  CHECK_THROWS_WITH(libquant::tokenizer_from_gguf(metadata),
                    testing::contains_text("tokenizer.ggml.eot_token_id"));
}

TEST_CASE("Writing to metadata of another tokenizer leaves nothing of it") {
  GgufMetadata metadata = to_gguf(sentencepiece());
  const TokenizerSpec spec = plain_byte_level("smollm");
  libquant::tokenizer_to_gguf(spec, metadata);
  CHECK(libquant::tokenizer_from_gguf(metadata) == spec);
  CHECK(metadata.find("tokenizer.ggml.scores") == nullptr);
  CHECK_FALSE(has_extension(metadata));
}

TEST_CASE("A pre-tokenizer without a name in GGUF is refused") {
  TokenizerSpec spec = plain_byte_level("gpt-2");
  spec.pre_tokenizers.insert(spec.pre_tokenizers.begin(), TokenizerSpec::Split{"x+"});
  spec.pre.clear();
  CHECK(libquant::text::detect_pre(spec).empty());
  CHECK_THROWS_AS(to_gguf(spec), NotSupported);
  TokenizerSpec split = sentencepiece();
  split.pre_tokenizers.insert(split.pre_tokenizers.begin(), TokenizerSpec::Split{"x+"});
  CHECK_THROWS_AS(to_gguf(split), NotSupported);
}

TEST_CASE("The name of a pre-tokenizer is found from its patterns") {
  for (const auto& preset : libquant::text::presets()) {
    TokenizerSpec spec = plain_byte_level(std::string(preset.names.front()).c_str());
    for (const auto name : preset.names) {  // a right name is kept
      spec.pre = name;
      CHECK(libquant::text::detect_pre(spec) == name);
    }
    spec.pre = "something else";
    CHECK(libquant::text::detect_pre(spec) == preset.names.front());
  }
  // The ways in which converters spell the same: inverted and removed, GPT-2's pattern as a Split.
  TokenizerSpec spec = plain_byte_level("llama-bpe");
  auto& split = std::get<TokenizerSpec::Split>(spec.pre_tokenizers.front());
  split.behavior = TokenizerSpec::Split::Behavior::removed;
  split.invert = true;
  spec.pre.clear();
  CHECK(libquant::text::detect_pre(spec) == "llama-bpe");
  spec.ignore_merges = false;
  CHECK(libquant::text::detect_pre(spec) == "dbrx");
}

TEST_CASE("Chat templates, flags and tokens of tokenizer_config.json win over the rest") {
  auto [tokenizer, config] =
      testing::tokenizer_files(testing::golden_tokenizers() / "tiny_byte_level");
  config.set("add_bos_token", false);
  config.set("chat_template", "{{ plain }}");
  const TokenizerSpec spec = libquant::tokenizer_from_json(tokenizer, config);
  CHECK_FALSE(spec.add_bos);
  CHECK(spec.add_eos);
  CHECK(spec.chat_template == "{{ plain }}");
  const TokenizerSpec alone = libquant::tokenizer_from_json(tokenizer, Json());
  CHECK(alone.add_bos);
  CHECK(alone.bos == 0);  // what the template adds
  CHECK(alone.pad == -1);
}

TEST_CASE("Padding a vocabulary to an embedding's rows survives both files") {
  TokenizerSpec spec = plain_byte_level("qwen2");
  const std::size_t size = spec.tokens.size();
  libquant::pad_vocabulary(spec, size + 3);
  CHECK(spec.tokens.back() == fmt::format("[PAD{}]", size + 2));
  CHECK(spec.types.back() == TokenizerSpec::TokenType::unused);
  CHECK(through_json(spec) == spec);
  CHECK(libquant::tokenizer_from_gguf(to_gguf(spec)) == spec);
  CHECK_THROWS_AS(libquant::pad_vocabulary(spec, size), libquant::InvalidArgument);
}

TEST_CASE("A fingerprint tells specs apart that give different ids") {
  const auto print = [](const TokenizerSpec& spec) {
    libquant::Hasher hasher;
    libquant::hash_tokenizer(spec, hasher);
    return hasher.hex();
  };
  const TokenizerSpec spec = byte_level();
  CHECK(print(spec) == print(byte_level()));
  TokenizerSpec changed = spec;
  changed.added.back().lstrip = !changed.added.back().lstrip;
  CHECK_FALSE(print(spec) == print(changed));
  changed = spec;
  changed.normalizers.clear();
  CHECK_FALSE(print(spec) == print(changed));
  changed = spec;
  std::swap(changed.merges[0], changed.merges[1]);
  CHECK_FALSE(print(spec) == print(changed));
}

TEST_CASE("SmolLM2's spec survives both files") {
  const auto model = testing::demonstration_model();
  if (!model) return;
  const GgufMetadata metadata = libquant::GgufFile(*model).metadata();
  const TokenizerSpec spec = libquant::tokenizer_from_gguf(metadata);
  CHECK(spec.pre == "smollm");
  CHECK(through_json(spec) == spec);
  GgufMetadata written = metadata;
  libquant::tokenizer_to_gguf(spec, written);
  CHECK(libquant::tokenizer_from_gguf(written) == spec);
  CHECK_FALSE(has_extension(written));
  for (const auto& [key, value] : metadata.entries) {
    INFO(key);
    REQUIRE(written.find(key) != nullptr);
    CHECK(*written.find(key) == value);
  }
}
