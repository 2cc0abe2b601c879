// Files that are broken or ask for what libquant does not do: each a clear error, never a crash.

#include <functional>

#include "libquant/core/error.h"
#include "libquant/io/gguf.h"
#include "tests/unit/tokenizer/golden.h"

using libquant::FormatError;
using libquant::GgufMetadata;
using libquant::GgufValue;
using libquant::Json;
using libquant::NotSupported;
using libquant::Tokenizer;
using libquant::TokenizerSpec;
namespace testing = libquant::testing;

namespace {

enum class Kind { format, unsupported };

struct Case {
  std::string name;  // also part of the message expected
  Kind kind;
  std::function<void(Json& tokenizer, Json& config)> spoil;
};

bool names(const std::exception& error, const std::string& what) {
  return std::string(error.what()).find(what) != std::string::npos;
}

void expect(const Case& hostile, const std::function<void()>& act) {
  INFO(hostile.name);
  try {
    act();
    FAIL("nothing was thrown");
  } catch (const FormatError& error) {
    INFO(error.what());
    CHECK(hostile.kind == Kind::format);
    CHECK(names(error, hostile.name));
  } catch (const NotSupported& error) {
    INFO(error.what());
    CHECK(hostile.kind == Kind::unsupported);
    CHECK(names(error, hostile.name));
  }
}

std::pair<Json, Json> files() {
  return testing::tokenizer_files(testing::golden_tokenizers() / "tiny_byte_level");
}

std::function<void(Json&, Json&)> in_model(const std::string& key, const Json& value) {
  return [=](Json& tokenizer, Json&) {
    Json model = tokenizer.at("model");
    model.set(key, value);
    tokenizer.set("model", model);
  };
}

std::function<void(Json&, Json&)> in_file(const std::string& key, const Json& value) {
  return [=](Json& tokenizer, Json&) { tokenizer.set(key, value); };
}

std::function<void(Json&, Json&)> in_config(const std::string& key, const Json& value) {
  return [=](Json&, Json& config) { config.set(key, value); };
}

Json vocabulary(std::initializer_list<std::pair<std::string, Json>> entries) {
  return Json::object(entries);
}

std::function<void(Json&, Json&)> only_vocabulary(const Json& vocab) {
  return [=](Json& tokenizer, Json& config) {
    in_model("vocab", vocab)(tokenizer, config);
    in_file("added_tokens", nullptr)(tokenizer, config);
    in_file("post_processor", nullptr)(tokenizer, config);
    config = Json();
  };
}

Json merges(std::initializer_list<Json> rules) { return Json(Json::Array(rules)); }

Json component(const char* type) { return Json::object({{"type", type}}); }

Json pre_tokenizer(Json extra) {
  return Json::object({{"type", "Sequence"},
                       {"pretokenizers",
                        Json::Array{std::move(extra),
                                    Json::object({{"type", "ByteLevel"}, {"use_regex", false}})}}});
}

Json split(Json pattern, const char* behavior = "Isolated") {
  return Json::object({{"type", "Split"},
                       {"pattern", std::move(pattern)},
                       {"behavior", behavior},
                       {"invert", false}});
}

Json added(std::int64_t id, const char* content) {
  return Json(Json::Array{Json::object({{"id", id}, {"content", content}, {"special", true}})});
}

Json single(Json::Array parts) {
  return Json::object(
      {{"type", "TemplateProcessing"},
       {"single", std::move(parts)},
       {"special_tokens",
        Json::object({{"<s>", Json::object({{"ids", Json::Array{Json(77)}}})},
                      {"two", Json::object({{"ids", Json::Array{Json(1), Json(2)}}})},
                      {"far", Json::object({{"ids", Json::Array{Json(99999)}}})}})}});
}

Json special(const char* id) {
  return Json::object({{"SpecialToken", Json::object({{"id", id}})}});
}

Json the_text() { return Json::object({{"Sequence", Json::object({{"id", "A"}})}}); }

const std::vector<Case>& json_cases() {
  static const std::vector<Case> cases = {
      {"model", Kind::format,
       [](Json& t, Json&) {
         t = Json::object({{"version", "1.0"}});
       }},
      {"tokenizer.json", Kind::format, [](Json& t, Json&) { t = Json(Json::Array{}); }},
      {"Unigram", Kind::unsupported, in_model("type", "Unigram")},
      {"type", Kind::format, in_model("type", 3)},
      {"vocab", Kind::format, in_model("vocab", Json::Array{Json("a")})},
      {"merges", Kind::format, in_model("merges", "a b")},
      {"without gaps", Kind::format, only_vocabulary(vocabulary({{"a", 0}, {"b", 2000}}))},
      {"without gaps", Kind::format, only_vocabulary(vocabulary({{"a", -1}, {"b", 1}}))},
      {"9223372036854775807", Kind::format,
       only_vocabulary(vocabulary({{"a", std::int64_t{INT64_MAX}}}))},
      {"vocabulary is empty", Kind::format,
       [](Json& t, Json& c) {
         only_vocabulary(Json(Json::Object{}))(t, c);
         in_model("merges", merges({}))(t, c);
       }},
      {"share the id", Kind::format, only_vocabulary(vocabulary({{"a", 1}, {"b", 1}}))},
      {"id of a token", Kind::format, only_vocabulary(vocabulary({{"a", "0"}}))},
      {"id of a token", Kind::format, only_vocabulary(vocabulary({{"a", 0.5}}))},
      {"not in the vocabulary", Kind::format, in_model("merges", merges({"\u00FE \u00FE"}))},
      {"not two pieces", Kind::format, in_model("merges", merges({"a b c"}))},
      {"not two pieces", Kind::format, in_model("merges", merges({"ab"}))},
      {"3 parts", Kind::format, in_model("merges", merges({Json(Json::Array{"a", "b", "c"})}))},
      {"a merge", Kind::format, in_model("merges", merges({7}))},
      {"empty piece", Kind::format,
       [](Json& t, Json& c) {
         only_vocabulary(vocabulary({{"a", 0}, {"", 1}}))(t, c);
         in_model("merges", merges({Json(Json::Array{"a", ""})}))(t, c);
       }},
      {"unk_token", Kind::format, in_model("unk_token", "absent")},
      {"dropout", Kind::unsupported, in_model("dropout", 0.1)},
      {"end_of_word_suffix", Kind::unsupported, in_model("end_of_word_suffix", "</w>")},
      {"continuing_subword_prefix", Kind::unsupported, in_model("continuing_subword_prefix", "##")},
      {"byte_fallback", Kind::format, in_model("byte_fallback", "yes")},
      {"two ids", Kind::format, in_file("added_tokens", added(7, "<|end|>"))},
      {"has the id -3", Kind::format, in_file("added_tokens", added(-3, "x"))},
      {"has the id 4294967296", Kind::format, in_file("added_tokens", added(4294967296, "x"))},
      {"without gaps", Kind::format, in_file("added_tokens", added(2147483647, "xyzzy"))},
      {"added_tokens", Kind::format, in_file("added_tokens", "x")},
      {"an added token", Kind::format, in_file("added_tokens", Json::Array{Json("x")})},
      {"Precompiled", Kind::unsupported, in_file("normalizer", component("Precompiled"))},
      {"NFKC", Kind::unsupported, in_file("normalizer", component("NFKC"))},
      {"empty string", Kind::format,
       in_file("normalizer", Json::object({{"type", "Replace"},
                                           {"pattern", Json::object({{"String", ""}})},
                                           {"content", "x"}}))},
      {"regular expression", Kind::unsupported,
       in_file("normalizer", Json::object({{"type", "Replace"},
                                           {"pattern", Json::object({{"Regex", "a"}})},
                                           {"content", "x"}}))},
      {"BertPreTokenizer", Kind::unsupported,
       in_file("pre_tokenizer", component("BertPreTokenizer"))},
      {"type", Kind::format, in_file("pre_tokenizer", Json::object({{"kind", "Split"}}))},
      {"decoder", Kind::unsupported, in_file("pre_tokenizer", Json())},
      {"2 ByteLevel", Kind::format,
       in_file("pre_tokenizer", pre_tokenizer(component("ByteLevel")))},
      {"behavior", Kind::format,
       in_file("pre_tokenizer", pre_tokenizer(split(Json::object({{"Regex", "a"}}), "Sideways")))},
      {"empty pattern", Kind::format,
       in_file("pre_tokenizer", pre_tokenizer(split(Json::object({{"Regex", ""}}))))},
      {"String", Kind::format,
       in_file("pre_tokenizer", pre_tokenizer(split(Json::object({{"Glob", "a"}}))))},
      {"missing", Kind::format,
       in_file("pre_tokenizer", pre_tokenizer(split(Json::object({{"Regex", "(a"}}))))},
      {"intersection", Kind::unsupported,
       in_file("pre_tokenizer", pre_tokenizer(split(Json::object({{"Regex", "[a&&b]"}}))))},
      {"U+2581", Kind::unsupported,
       in_file("pre_tokenizer",
               pre_tokenizer(Json::object({{"type", "Metaspace"}, {"replacement", "_"}})))},
      {"WordPiece", Kind::unsupported, in_file("decoder", component("WordPiece"))},
      {"decoder", Kind::unsupported, in_file("decoder", Json())},
      {"does not undo", Kind::unsupported, in_file("decoder", component("Fuse"))},
      {"BertProcessing", Kind::unsupported, in_file("post_processor", component("BertProcessing"))},
      {"repeats", Kind::unsupported, in_file("post_processor", single({the_text(), the_text()}))},
      {"adds 2 tokens before", Kind::unsupported,
       in_file("post_processor", single({special("<s>"), special("<s>"), the_text()}))},
      {"adds 2 tokens for", Kind::unsupported,
       in_file("post_processor", single({special("two"), the_text()}))},
      {"99999", Kind::format, in_file("post_processor", single({special("far"), the_text()}))},
      {"nowhere", Kind::format,
       in_file("post_processor", single({special("nowhere"), the_text()}))},
      {"names token 0", Kind::unsupported,
       in_file("post_processor", single({special("<s>"), the_text()}))},
      {"bos_token", Kind::format, in_config("bos_token", "absent")},
      {"eos_token", Kind::format, in_config("eos_token", 7)},
      {"add_bos_token", Kind::format, in_config("add_bos_token", "yes")},
      {"chat_template", Kind::format, in_config("chat_template", 7)},
      {"tokenizer_config.json", Kind::format, [](Json&, Json& c) { c = Json("text"); }},
  };
  return cases;
}

GgufMetadata metadata() {
  GgufMetadata out;
  TokenizerSpec spec = testing::read_tokenizer(testing::golden_tokenizers() / "tiny_byte_level");
  for (auto& token : spec.added) token = {token.id};
  spec.pre_tokenizers = {TokenizerSpec::ByteLevel{false, true}};
  spec.normalizers.clear();
  spec.ignore_merges = false;
  libquant::tokenizer_to_gguf(spec, out);
  return out;
}

struct GgufCase {
  std::string name;
  Kind kind;
  std::string key;
  std::optional<GgufValue> value;  // none: the key is taken away
};

const std::vector<GgufCase>& gguf_cases() {
  using libquant::GgufValue;
  static const std::vector<GgufCase> cases = {
      {"tokenizer.ggml.model", Kind::format, "tokenizer.ggml.model", {}},
      {"t5", Kind::unsupported, "tokenizer.ggml.model", GgufValue::string("t5")},
      {"tokenizer.ggml.model", Kind::format, "tokenizer.ggml.model", GgufValue::u32(1)},
      {"from-the-future", Kind::unsupported, "tokenizer.ggml.pre",
       GgufValue::string("from-the-future")},
      {"tokenizer.ggml.tokens", Kind::format, "tokenizer.ggml.tokens", {}},
      {"for 0 tokens", Kind::format, "tokenizer.ggml.tokens", GgufValue::string_array({})},
      {"for 2 tokens", Kind::format, "tokenizer.ggml.tokens", GgufValue::string_array({"a", "b"})},
      {"tokenizer.ggml.token_type", Kind::format, "tokenizer.ggml.token_type",
       GgufValue::i32_array({1, 2})},
      {"tokenizer.ggml.merges", Kind::format, "tokenizer.ggml.merges", {}},
      {"not two pieces", Kind::format, "tokenizer.ggml.merges", GgufValue::string_array({"ab"})},
      {"not two pieces", Kind::format, "tokenizer.ggml.merges", GgufValue::string_array({""})},
      {"not two pieces", Kind::format, "tokenizer.ggml.merges", GgufValue::string_array({"a "})},
      {"not in the vocabulary", Kind::format, "tokenizer.ggml.merges",
       GgufValue::string_array({"a qqqq"})},
      {"bos_token_id", Kind::format, "tokenizer.ggml.bos_token_id", GgufValue::u32(4000000000u)},
      {"tokenizer.ggml.scores", Kind::format, "tokenizer.ggml.scores", GgufValue::string("x")},
      {"libquant.tokenizer", Kind::format, "libquant.tokenizer", GgufValue::string("{")},
      {"added_tokens", Kind::format, "libquant.tokenizer",
       GgufValue::string(R"({"model":{"type":"BPE"},"decoder":{"type":"ByteLevel"},)"
                         R"("pre_tokenizer":{"type":"ByteLevel"}})")},
      {"disagree", Kind::format, "libquant.tokenizer",
       GgufValue::string(R"({"model":{"type":"BPE"},"decoder":{"type":"ByteLevel"},)"
                         R"("pre_tokenizer":{"type":"ByteLevel"},)"
                         R"("added_tokens":[{"id":5,"content":"not that"}]})")},
      {"disagree", Kind::format, "libquant.tokenizer",
       GgufValue::string(R"({"model":{"type":"BPE"},"decoder":{"type":"ByteLevel"},)"
                         R"("pre_tokenizer":{"type":"ByteLevel"},)"
                         R"("added_tokens":[{"id":500000,"content":"far"}]})")},
  };
  return cases;
}

}  // namespace

TEST_CASE("A hostile tokenizer.json is refused with the reason") {
  for (const Case& hostile : json_cases()) {
    auto changed = files();
    hostile.spoil(changed.first, changed.second);
    expect(hostile, [&] { libquant::tokenizer_from_json(changed.first, changed.second); });
  }
}

TEST_CASE("Deep nesting in tokenizer.json is refused") {
  std::string text;
  for (int i = 0; i < 500; ++i) text += R"({"type":"Sequence","normalizers":[)";
  CHECK_THROWS_AS(Json::parse(text, "tokenizer.json"), FormatError);
}

TEST_CASE("Hostile GGUF metadata is refused with the reason") {
  for (const GgufCase& hostile : gguf_cases()) {
    GgufMetadata spoiled = metadata();
    if (hostile.value) {
      spoiled.set(hostile.key, *hostile.value);
    } else {
      std::erase_if(spoiled.entries, [&](const auto& entry) { return entry.first == hostile.key; });
    }
    const bool scores = hostile.key == "tokenizer.ggml.scores";
    if (scores) spoiled.set("tokenizer.ggml.model", GgufValue::string("llama"));
    expect({hostile.name, hostile.kind, {}}, [&] { libquant::tokenizer_from_gguf(spoiled); });
  }
}

TEST_CASE("A repeated, invalid or mistyped token of a GGUF file is refused") {
  const auto spoil = [](const std::function<void(GgufValue::Strings&, GgufValue::Integers&)>& how) {
    GgufMetadata spoiled = metadata();
    GgufValue::Strings tokens = *spoiled.strings("tokenizer.ggml.tokens");
    GgufValue::Integers types = *spoiled.integers("tokenizer.ggml.token_type");
    how(tokens, types);
    spoiled.set("tokenizer.ggml.tokens", GgufValue::string_array(tokens));
    spoiled.set("tokenizer.ggml.token_type", GgufValue::i32_array(types));
    return libquant::tokenizer_from_gguf(spoiled);
  };
  expect({"twice", Kind::format, {}},
         [&] { spoil([](auto& tokens, auto&) { tokens[30] = tokens[31]; }); });
  expect({"UTF-8", Kind::format, {}},
         [&] { spoil([](auto& tokens, auto&) { tokens[5] = std::string(1, '\xFF'); }); });
  expect({"type 7", Kind::format, {}}, [&] { spoil([](auto&, auto& types) { types[5] = 7; }); });
  expect({"type -1", Kind::format, {}}, [&] { spoil([](auto&, auto& types) { types[5] = -1; }); });
}

TEST_CASE("Scores of a GGUF file that are no numbers or not enough are refused") {
  const auto read = [](GgufValue::Floats scores) {
    GgufMetadata made;
    made.set("tokenizer.ggml.model", GgufValue::string("llama"));
    made.set("tokenizer.ggml.tokens", GgufValue::string_array({"<unk>", "a", "aa"}));
    made.set("tokenizer.ggml.scores", GgufValue::f32_array(std::move(scores)));
    return libquant::tokenizer_from_gguf(made);
  };
  CHECK_NOTHROW(read({0, -1, -2}));
  CHECK_THROWS_AS(read({0, -1}), FormatError);
  CHECK_THROWS_AS(read({0, std::numeric_limits<double>::quiet_NaN(), -2}), FormatError);
  CHECK_THROWS_AS(read({0, std::numeric_limits<double>::infinity(), -2}), FormatError);
}

TEST_CASE("Decoding ids outside the vocabulary is an invalid argument") {
  const Tokenizer tokenizer(
      testing::read_tokenizer(testing::golden_tokenizers() / "tiny_byte_level"));
  const auto size = static_cast<std::int32_t>(tokenizer.vocabulary_size());
  for (const std::int32_t id : {-1, size, INT32_MAX, INT32_MIN}) {
    const testing::Ids ids = {5, id};
    CHECK_THROWS_AS(tokenizer.decode(ids), libquant::InvalidArgument);
    CHECK_THROWS_AS(tokenizer.token_bytes(id), libquant::InvalidArgument);
  }
  CHECK(tokenizer.find("no such piece") == -1);
}

TEST_CASE("A spec built by hand is checked before use") {
  TokenizerSpec spec = testing::read_tokenizer(testing::golden_tokenizers() / "tiny_byte_level");
  const auto refused = [&](const std::function<void(TokenizerSpec&)>& spoil) {
    TokenizerSpec spoiled = spec;
    spoil(spoiled);
    CHECK_THROWS_AS(Tokenizer(spoiled), FormatError);
    CHECK_THROWS_AS(libquant::tokenizer_to_json(spoiled), FormatError);
    GgufMetadata out;
    CHECK_THROWS_AS(libquant::tokenizer_to_gguf(spoiled, out), FormatError);
  };
  refused([](TokenizerSpec& s) { s.tokens.clear(); });
  refused([](TokenizerSpec& s) { s.types.pop_back(); });
  refused([](TokenizerSpec& s) { s.merges.emplace_back("nothing", "here"); });
  refused([](TokenizerSpec& s) { s.added.front().id = -1; });
  refused([](TokenizerSpec& s) { std::swap(s.added.front(), s.added.back()); });
  refused([](TokenizerSpec& s) { s.added.front().id = 50; });
  refused([](TokenizerSpec& s) { s.bos = 100000; });
  refused([](TokenizerSpec& s) { s.bos = -1; });
  refused([](TokenizerSpec& s) { s.map_unknown = true; });
  refused([](TokenizerSpec& s) { s.scores = {1.0F}; });
  refused([](TokenizerSpec& s) { s.pre_tokenizers.clear(); });
  refused([](TokenizerSpec& s) { s.chat_template = std::string(1, '\xFF'); });
}
