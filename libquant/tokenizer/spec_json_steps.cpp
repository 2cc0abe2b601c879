#include <string>

#include "libquant/core/error.h"
#include "libquant/tokenizer/pattern.h"
#include "libquant/tokenizer/spec_json.h"
#include "libquant/tokenizer/unicode.h"

namespace libquant::text {
namespace {

using Behavior = TokenizerSpec::Split::Behavior;
using Metaspace = TokenizerSpec::Metaspace;

constexpr std::string_view kDigit = R"(\p{N})";
constexpr std::string_view kPunctuation = R"([!-/:-@\[-`{-~]|\p{P})";

constexpr std::pair<std::string_view, Behavior> kBehaviors[] = {
    {"Isolated", Behavior::isolated},
    {"Removed", Behavior::removed},
    {"MergedWithPrevious", Behavior::merged_with_previous},
    {"MergedWithNext", Behavior::merged_with_next},
    {"Contiguous", Behavior::contiguous}};
constexpr std::pair<std::string_view, Metaspace::Prepend> kPrepends[] = {
    {"never", Metaspace::Prepend::never},
    {"first", Metaspace::Prepend::first},
    {"always", Metaspace::Prepend::always}};

template <typename Table>
auto value_named(const Table& table, const std::string& name, std::string_view what) {
  for (const auto& [known, value] : table) {
    if (known == name) return value;
  }
  fail<FormatError>("reading tokenizer.json: {} \"{}\" is unknown", what, name);
}

template <typename Table, typename Value>
std::string name_of(const Table& table, Value value) {
  for (const auto& [name, known] : table) {
    if (known == value) return std::string(name);
  }
  fail<InvalidArgument>("value {} has no name", static_cast<int>(value));
}

const std::string& type_of(const Json& component, std::string_view what) {
  component.as_object(what);
  return component.at("type").as_string(what);
}

bool flag(const Json& component, std::string_view key, bool absent) {
  const Json* value = component.find(key);
  return value == nullptr || value->is_null() ? absent : value->as_bool(key);
}

[[noreturn]] void unsupported(std::string_view what, std::string_view type) {
  fail<NotSupported>("reading tokenizer.json: the {} {} is not supported", what, type);
}

std::string literal_of(const Json& pattern, std::string_view what) {
  pattern.as_object(what);
  const Json* literal = pattern.find("String");
  if (literal == nullptr) unsupported(what, "with a regular expression");
  return literal->as_string(what);
}

void read_normalizer(const Json& component, TokenizerSpec* spec) {
  const std::string& type = type_of(component, "the normalizer");
  if (type == "Sequence") {
    for (const Json& part : component.at("normalizers").as_array("normalizers")) {
      read_normalizer(part, spec);
    }
  } else if (type == "NFC") {
    spec->normalizers.emplace_back(TokenizerSpec::Nfc{});
  } else if (type == "Prepend") {
    spec->normalizers.emplace_back(
        TokenizerSpec::Prepend{component.at("prepend").as_string("prepend")});
  } else if (type == "Replace") {
    spec->normalizers.emplace_back(
        TokenizerSpec::Replace{literal_of(component.at("pattern"), "normalizer Replace"),
                               component.at("content").as_string("content")});
  } else {
    unsupported("normalizer", type);
  }
}

TokenizerSpec::Split read_split(const Json& component) {
  const Json& pattern = component.at("pattern");
  TokenizerSpec::Split split;
  if (const Json* regex = pattern.find("Regex")) {
    split.pattern = regex->as_string("pattern Regex");
  } else {
    split.pattern = quote_pattern(pattern.at("String").as_string("pattern String"));
  }
  require<FormatError>(!split.pattern.empty(),
                       "reading tokenizer.json: a Split has an empty pattern");
  split.behavior = value_named(kBehaviors, component.at("behavior").as_string("behavior"),
                               "the behavior of a Split");
  split.invert = flag(component, "invert", false);
  return split;
}

Metaspace read_metaspace(const Json& component) {
  if (component.at("replacement").as_string("replacement") != kSpaceMark) {
    unsupported("Metaspace", "with another replacement than U+2581");
  }
  Metaspace metaspace;
  if (const Json* scheme = component.find("prepend_scheme")) {
    metaspace.prepend = value_named(kPrepends, scheme->as_string("prepend_scheme"),
                                    "the prepend_scheme of a Metaspace");
  } else if (!flag(component, "add_prefix_space", true)) {
    metaspace.prepend = Metaspace::Prepend::never;
  }
  metaspace.split = flag(component, "split", true);
  return metaspace;
}

void read_pre_tokenizer(const Json& component, TokenizerSpec* spec) {
  const std::string& type = type_of(component, "the pre-tokenizer");
  auto& out = spec->pre_tokenizers;
  if (type == "Sequence") {
    for (const Json& part : component.at("pretokenizers").as_array("pretokenizers")) {
      read_pre_tokenizer(part, spec);
    }
  } else if (type == "Split") {
    out.emplace_back(read_split(component));
  } else if (type == "Digits") {
    const bool individual = flag(component, "individual_digits", false);
    out.emplace_back(TokenizerSpec::Split{
        std::string(kDigit), individual ? Behavior::isolated : Behavior::contiguous, false});
  } else if (type == "Punctuation") {
    const Json* behavior = component.find("behavior");
    out.emplace_back(TokenizerSpec::Split{
        std::string(kPunctuation),
        behavior == nullptr ? Behavior::isolated
                            : value_named(kBehaviors, behavior->as_string("behavior"),
                                          "the behavior of Punctuation"),
        false});
  } else if (type == "WhitespaceSplit") {
    out.emplace_back(TokenizerSpec::Split{R"(\s)", Behavior::removed, false});
  } else if (type == "ByteLevel") {
    out.emplace_back(TokenizerSpec::ByteLevel{flag(component, "add_prefix_space", true),
                                              flag(component, "use_regex", true)});
  } else if (type == "Metaspace") {
    out.emplace_back(read_metaspace(component));
  } else {
    unsupported("pre-tokenizer", type);
  }
}

struct Decoders {
  bool byte_level = false, spaces = false, byte_fallback = false, strip = false;
};

void read_decoder(const Json& component, Decoders* found) {
  const std::string& type = type_of(component, "the decoder");
  if (type == "Sequence") {
    for (const Json& part : component.at("decoders").as_array("decoders")) {
      read_decoder(part, found);
    }
  } else if (type == "ByteLevel") {
    found->byte_level = true;
  } else if (type == "Metaspace") {
    found->spaces = true;
    found->strip = read_metaspace(component).prepend != Metaspace::Prepend::never;
  } else if (type == "Replace") {
    if (literal_of(component.at("pattern"), "decoder Replace") != kSpaceMark ||
        component.at("content").as_string("content") != " ") {
      unsupported("decoder Replace", "of anything but U+2581 by a space");
    }
    found->spaces = true;
  } else if (type == "ByteFallback") {
    found->byte_fallback = true;
  } else if (type == "Strip") {
    if (component.at("content").as_string("content") != " " ||
        component.at("start").as_int("start") > 1 || component.at("stop").as_int("stop") != 0) {
      unsupported("decoder Strip", "of anything but one leading space");
    }
    found->strip = component.at("start").as_int("start") == 1;
  } else if (type != "Fuse") {
    unsupported("decoder", type);
  }
}

void read_decoders(const Json& tokenizer, TokenizerSpec* spec) {
  const Json* component = tokenizer.find("decoder");
  require<NotSupported>(component != nullptr && !component->is_null(),
                        "reading tokenizer.json: there is no decoder");
  Decoders found;
  read_decoder(*component, &found);
  const bool byte_level = spec->kind == TokenizerSpec::Kind::byte_level;
  require<NotSupported>(found.byte_level == byte_level && found.spaces != byte_level,
                        "reading tokenizer.json: the decoder does not undo the pre-tokenizer (it "
                        "has ByteLevel: {}, U+2581 to space: {}; the pre-tokenizer has ByteLevel: "
                        "{})",
                        found.byte_level, found.spaces, byte_level);
  spec->strip_leading_space = found.strip;
}

Json pattern_literal(std::string_view text) { return Json::object({{"String", text}}); }

Json write_normalizer(const TokenizerSpec::Normalizer& normalizer) {
  if (const auto* prepend = std::get_if<TokenizerSpec::Prepend>(&normalizer)) {
    return Json::object({{"type", "Prepend"}, {"prepend", prepend->text}});
  }
  if (const auto* replace = std::get_if<TokenizerSpec::Replace>(&normalizer)) {
    return Json::object({{"type", "Replace"},
                         {"pattern", pattern_literal(replace->from)},
                         {"content", replace->to}});
  }
  return Json::object({{"type", "NFC"}});
}

Json write_pre_tokenizer(const TokenizerSpec::PreTokenizer& step) {
  if (const auto* byte_level = std::get_if<TokenizerSpec::ByteLevel>(&step)) {
    return Json::object({{"type", "ByteLevel"},
                         {"add_prefix_space", byte_level->add_prefix_space},
                         {"trim_offsets", true},
                         {"use_regex", byte_level->use_regex}});
  }
  if (const auto* metaspace = std::get_if<Metaspace>(&step)) {
    return Json::object({{"type", "Metaspace"},
                         {"replacement", kSpaceMark},
                         {"prepend_scheme", name_of(kPrepends, metaspace->prepend)},
                         {"split", metaspace->split}});
  }
  const auto& split = std::get<TokenizerSpec::Split>(step);
  if (split.pattern == kDigit && split.behavior == Behavior::isolated && !split.invert) {
    return Json::object({{"type", "Digits"}, {"individual_digits", true}});
  }
  return Json::object({{"type", "Split"},
                       {"pattern", Json::object({{"Regex", split.pattern}})},
                       {"behavior", name_of(kBehaviors, split.behavior)},
                       {"invert", split.invert}});
}

// null, the only component, or a Sequence of them.
Json sequence(Json::Array components, std::string_view key) {
  if (components.empty()) return {};
  if (components.size() == 1) return std::move(components.front());
  Json out = Json::object({{"type", "Sequence"}});
  out.set(key, std::move(components));
  return out;
}

Json write_decoder(const TokenizerSpec& spec) {
  if (spec.kind == TokenizerSpec::Kind::byte_level) {
    return Json::object({{"type", "ByteLevel"},
                         {"add_prefix_space", true},
                         {"trim_offsets", true},
                         {"use_regex", true}});
  }
  Json::Array parts;
  parts.push_back(Json::object(
      {{"type", "Replace"}, {"pattern", pattern_literal(kSpaceMark)}, {"content", " "}}));
  if (spec.byte_fallback) parts.push_back(Json::object({{"type", "ByteFallback"}}));
  parts.push_back(Json::object({{"type", "Fuse"}}));
  if (spec.strip_leading_space) {
    parts.push_back(Json::object({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}));
  }
  return sequence(std::move(parts), "decoders");
}

}  // namespace

void read_steps(const Json& tokenizer, TokenizerSpec* spec) {
  const Json* normalizer = tokenizer.find("normalizer");
  if (normalizer != nullptr && !normalizer->is_null()) read_normalizer(*normalizer, spec);
  const Json* pre_tokenizer = tokenizer.find("pre_tokenizer");
  if (pre_tokenizer != nullptr && !pre_tokenizer->is_null()) {
    read_pre_tokenizer(*pre_tokenizer, spec);
  }
  spec->kind = TokenizerSpec::Kind::sentencepiece;
  for (const auto& step : spec->pre_tokenizers) {
    if (std::holds_alternative<TokenizerSpec::ByteLevel>(step)) {
      spec->kind = TokenizerSpec::Kind::byte_level;
    }
  }
  read_decoders(tokenizer, spec);
}

void write_steps(const TokenizerSpec& spec, Json* tokenizer) {
  Json::Array normalizers, pre_tokenizers;
  for (const auto& normalizer : spec.normalizers) {
    normalizers.push_back(write_normalizer(normalizer));
  }
  for (const auto& step : spec.pre_tokenizers) pre_tokenizers.push_back(write_pre_tokenizer(step));
  tokenizer->set("normalizer", sequence(std::move(normalizers), "normalizers"));
  tokenizer->set("pre_tokenizer", sequence(std::move(pre_tokenizers), "pretokenizers"));
  tokenizer->set("decoder", write_decoder(spec));
}

}  // namespace libquant::text
