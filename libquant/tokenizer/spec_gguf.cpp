#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "libquant/core/error.h"
#include "libquant/tokenizer/presets.h"
#include "libquant/tokenizer/spec_json.h"
#include "libquant/tokenizer/tokenizer_spec.h"
#include "libquant/tokenizer/unicode.h"

namespace libquant {
namespace {

using TokenType = TokenizerSpec::TokenType;

constexpr std::string_view kModel = "tokenizer.ggml.model";
constexpr std::string_view kPre = "tokenizer.ggml.pre";
constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kTypes = "tokenizer.ggml.token_type";
constexpr std::string_view kScores = "tokenizer.ggml.scores";
constexpr std::string_view kMerges = "tokenizer.ggml.merges";
constexpr std::string_view kAddBos = "tokenizer.ggml.add_bos_token";
constexpr std::string_view kAddEos = "tokenizer.ggml.add_eos_token";
constexpr std::string_view kAddSpace = "tokenizer.ggml.add_space_prefix";
constexpr std::string_view kTemplate = "tokenizer.chat_template";
constexpr std::string_view kExtension = "libquant.tokenizer";

struct NamedId {
  std::string_view key;
  std::int32_t TokenizerSpec::*id;
};
constexpr NamedId kIds[] = {{"tokenizer.ggml.bos_token_id", &TokenizerSpec::bos},
                            {"tokenizer.ggml.eos_token_id", &TokenizerSpec::eos},
                            {"tokenizer.ggml.eot_token_id", &TokenizerSpec::eot},
                            {"tokenizer.ggml.eom_token_id", &TokenizerSpec::eom},
                            {"tokenizer.ggml.unknown_token_id", &TokenizerSpec::unk},
                            {"tokenizer.ggml.padding_token_id", &TokenizerSpec::pad}};

class Reader {
 public:
  explicit Reader(const GgufMetadata& metadata) : metadata_(metadata) {}

  TokenizerSpec run(bool with_extension) {
    const std::string* model = metadata_.string(kModel);
    require<FormatError>(model != nullptr, "reading {}: {} is missing", metadata_.source, kModel);
    require<NotSupported>(*model == "gpt2" || *model == "llama",
                          "reading {}: {} is \"{}\"; \"gpt2\" (byte-level BPE) and \"llama\" "
                          "(sentencepiece BPE) are supported",
                          metadata_.source, kModel, *model);
    if (const std::string* source = metadata_.string(kTemplate)) spec_.chat_template = *source;
    tokens();
    const Json extension = with_extension ? read_extension() : Json();
    if (*model == "gpt2") {
      byte_level(extension);
    } else {
      sentencepiece();
    }
    ids(extension);
    if (extension.is_null()) {
      special_tokens();
    } else {
      apply_extension(extension);
    }
    check_tokenizer(spec_, metadata_.source);
    if (*model == "llama") complete_sentencepiece();
    return std::move(spec_);
  }

 private:
  void tokens() {
    const auto* pieces = metadata_.strings(kTokens);
    require<FormatError>(pieces != nullptr, "reading {}: {} is missing", metadata_.source, kTokens);
    spec_.tokens = *pieces;
    spec_.types.assign(spec_.tokens.size(), TokenType::normal);
    const auto* types = metadata_.integers(kTypes);
    if (types == nullptr) return;
    require<FormatError>(types->size() == spec_.tokens.size(),
                         "reading {}: {} has {} entries for {} tokens", metadata_.source, kTypes,
                         types->size(), spec_.tokens.size());
    for (std::size_t i = 0; i < types->size(); ++i) {
      const std::int64_t type = (*types)[i];
      require<FormatError>(type >= 1 && type <= 6, "reading {}: token {} has type {}, not 1 to 6",
                           metadata_.source, i, type);
      spec_.types[i] = static_cast<TokenType>(type);
    }
  }

  void byte_level(const Json& extension) {
    spec_.kind = TokenizerSpec::Kind::byte_level;
    const std::string* pre = metadata_.string(kPre);
    spec_.pre = pre == nullptr ? "default" : *pre;
    const text::Preset* preset = text::preset_named(spec_.pre);
    require<NotSupported>(preset != nullptr || !extension.is_null(),
                          "reading {}: the pre-tokenizer {} = \"{}\" is not known",
                          metadata_.source, kPre, spec_.pre);
    if (preset != nullptr) {
      spec_.pre_tokenizers = preset->pre_tokenizers;
      spec_.ignore_merges = preset->ignore_merges;
      spec_.add_bos = preset->add_bos;
      if (preset->nfc) spec_.normalizers = {TokenizerSpec::Nfc{}};
    }
    require<FormatError>(metadata_.strings(kMerges) != nullptr, "reading {}: {} is missing",
                         metadata_.source, kMerges);
    merges();
  }

  void sentencepiece() {
    spec_.kind = TokenizerSpec::Kind::sentencepiece;
    spec_.pre = "default";
    const bool prefix = metadata_.boolean(kAddSpace).value_or(true);
    if (prefix)
      spec_.normalizers.emplace_back(TokenizerSpec::Prepend{std::string(text::kSpaceMark)});
    spec_.normalizers.emplace_back(TokenizerSpec::Replace{" ", std::string(text::kSpaceMark)});
    spec_.strip_leading_space = prefix;
    spec_.byte_fallback = true;
    spec_.fuse_unknown = true;
    spec_.map_unknown = true;
    spec_.add_bos = true;
    // llama.cpp's defaults for this model.
    spec_.bos = 1;
    spec_.eos = 2;
    spec_.unk = 0;
    scores();
    require<FormatError>(!spec_.scores.empty() || metadata_.strings(kMerges) != nullptr,
                         "reading {}: neither {} nor {} is there", metadata_.source, kScores,
                         kMerges);
    if (metadata_.strings(kMerges) != nullptr) merges();
  }

  // Older files have the scores only.
  void complete_sentencepiece() {
    if (spec_.scores.empty()) {
      spec_.scores = text::scores_from_merges(spec_);
    } else if (metadata_.strings(kMerges) == nullptr) {
      spec_.merges = text::merges_from_scores(spec_);
    }
  }

  void scores() {
    const auto* scores = metadata_.floats(kScores);
    if (scores == nullptr) return;
    require<FormatError>(scores->size() == spec_.tokens.size(),
                         "reading {}: {} has {} entries for {} tokens", metadata_.source, kScores,
                         scores->size(), spec_.tokens.size());
    for (const double score : *scores) spec_.scores.push_back(static_cast<float>(score));
  }

  void merges() {
    const auto& lines = *metadata_.strings(kMerges);
    spec_.merges.reserve(lines.size());
    for (const std::string& line : lines) {
      const std::size_t space = line.find(' ', 1);
      require<FormatError>(space != line.npos && space + 1 < line.size(),
                           "reading {}: merge {} \"{}\" is not two pieces with a space between",
                           metadata_.source, spec_.merges.size(), line);
      spec_.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
    }
  }

  void ids(const Json& extension) {
    for (const auto& [key, id] : kIds) {
      const std::optional<std::int64_t> value = metadata_.integer(key);
      if (!value) continue;
      require<FormatError>(*value >= 0 && static_cast<std::uint64_t>(*value) < spec_.tokens.size(),
                           "reading {}: {} is {}, but there are {} tokens", metadata_.source, key,
                           *value, spec_.tokens.size());
      spec_.*id = static_cast<std::int32_t>(*value);
    }
    // A default does not hold where it points to text, nor beside keys that libquant wrote.
    for (const auto& [key, id] : kIds) {
      if (metadata_.integer(key)) continue;
      const auto index = static_cast<std::size_t>(spec_.*id);
      const bool usable = extension.is_null() && spec_.*id >= 0 && index < spec_.tokens.size() &&
                          spec_.types[index] != TokenType::normal;
      if (!usable) spec_.*id = -1;
    }
    spec_.map_unknown = spec_.map_unknown && spec_.unk >= 0;
    spec_.add_bos = metadata_.boolean(kAddBos).value_or(spec_.add_bos && spec_.bos >= 0);
    spec_.add_eos = metadata_.boolean(kAddEos).value_or(false);
  }

  void special_tokens() {
    for (std::size_t i = 0; i < spec_.tokens.size(); ++i) {
      const TokenType type = spec_.types[i];
      if (type == TokenType::control || type == TokenType::user_defined ||
          type == TokenType::unknown) {
        spec_.added.push_back({static_cast<std::int32_t>(i)});
      }
    }
  }

  Json read_extension() const {
    const std::string* source = metadata_.string(kExtension);
    return source == nullptr ? Json() : Json::parse(*source, kExtension);
  }

  void apply_extension(const Json& extension) {
    spec_.normalizers.clear();
    spec_.pre_tokenizers.clear();
    text::read_steps(extension, &spec_);
    text::read_model_flags(extension.at("model"), &spec_);
    for (const Json& entry : extension.at("added_tokens").as_array("added_tokens")) {
      const auto token = text::read_added_token(entry, kExtension);
      const auto id = static_cast<std::size_t>(token.id);
      require<FormatError>(
          id < spec_.tokens.size() &&
              spec_.tokens[id] == entry.at("content").as_string("the content of an added token"),
          "reading {}: {} and {} disagree about token {}", metadata_.source, kExtension, kTokens,
          id);
      spec_.added.push_back(token);
    }
  }

  const GgufMetadata& metadata_;
  TokenizerSpec spec_;
};

void erase(GgufMetadata& metadata, std::string_view key) {
  std::erase_if(metadata.entries, [&](const auto& entry) { return entry.first == key; });
}

// Whether reading the standard keys gives the spec back. A file without the extension key reads
// them as other programs do.
bool standard_keys_suffice(const TokenizerSpec& spec, const GgufMetadata& metadata) {
  TokenizerSpec read = Reader(metadata).run(false);
  read.pre = spec.pre;  // no name, or another name of the same
  return read == spec;
}

Json extension_of(const TokenizerSpec& spec) {
  Json out = Json::object({{"added_tokens", text::write_added_tokens(spec)}});
  text::write_steps(spec, &out);
  out.set("model", text::write_model_flags(spec));
  return out;
}

void write_vocabulary(const TokenizerSpec& spec, GgufMetadata& metadata) {
  GgufValue::Integers types;
  for (const TokenType type : spec.types) types.push_back(static_cast<std::int64_t>(type));
  GgufValue::Strings merges;
  merges.reserve(spec.merges.size());
  for (const auto& [left, right] : spec.merges) {
    require<NotSupported>(left.find(' ') == left.npos && right.find(' ') == right.npos,
                          "writing {}: the merge \"{}\" + \"{}\" has a space in it", kMerges, left,
                          right);
    merges.push_back(fmt::format("{} {}", left, right));
  }
  metadata.set(kTokens, GgufValue::string_array(spec.tokens));
  metadata.set(kTypes, GgufValue::i32_array(std::move(types)));
  metadata.set(kMerges, GgufValue::string_array(std::move(merges)));
  erase(metadata, kScores);
  if (spec.kind != TokenizerSpec::Kind::sentencepiece) return;
  const auto& scores = spec.scores.empty() ? text::scores_from_merges(spec) : spec.scores;
  metadata.set(kScores, GgufValue::f32_array({scores.begin(), scores.end()}));
}

// Whether a space is put in front, as far as GGUF's flag can tell.
bool prefixes_space(const TokenizerSpec& spec) {
  for (const auto& normalizer : spec.normalizers) {
    if (std::holds_alternative<TokenizerSpec::Prepend>(normalizer)) return true;
  }
  for (const auto& step : spec.pre_tokenizers) {
    const auto* metaspace = std::get_if<TokenizerSpec::Metaspace>(&step);
    if (metaspace != nullptr && metaspace->prepend != TokenizerSpec::Metaspace::Prepend::never) {
      return true;
    }
    const auto* byte_level = std::get_if<TokenizerSpec::ByteLevel>(&step);
    if (byte_level != nullptr && byte_level->add_prefix_space) return true;
  }
  return false;
}

// llama.cpp splits byte-level text by the name of the pre-tokenizer, sentencepiece text not at all.
std::string pre_to_write(const TokenizerSpec& spec) {
  std::string pre = text::detect_pre(spec);
  require<NotSupported>(!pre.empty(),
                        "writing {}: no known pre-tokenizer name stands for the way this tokenizer "
                        "splits text",
                        kPre);
  return pre;
}

}  // namespace

TokenizerSpec tokenizer_from_gguf(const GgufMetadata& metadata) {
  return Reader(metadata).run(true);
}

void tokenizer_to_gguf(const TokenizerSpec& spec, GgufMetadata& metadata) {
  check_tokenizer(spec, "the tokenizer to write");
  const bool byte_level = spec.kind == TokenizerSpec::Kind::byte_level;
  metadata.set(kModel, GgufValue::string(byte_level ? "gpt2" : "llama"));
  metadata.set(kPre, GgufValue::string(pre_to_write(spec)));
  write_vocabulary(spec, metadata);
  for (const auto& [key, id] : kIds) {
    if (spec.*id >= 0) {
      metadata.set(key, GgufValue::u32(static_cast<std::uint32_t>(spec.*id)));
    } else {
      erase(metadata, key);
    }
  }
  metadata.set(kAddBos, GgufValue::boolean(spec.add_bos));
  metadata.set(kAddEos, GgufValue::boolean(spec.add_eos));
  metadata.set(kAddSpace, GgufValue::boolean(prefixes_space(spec)));
  if (spec.chat_template.empty()) {
    erase(metadata, kTemplate);
  } else {
    metadata.set(kTemplate, GgufValue::string(spec.chat_template));
  }
  erase(metadata, kExtension);
  if (!standard_keys_suffice(spec, metadata)) {
    metadata.set(kExtension, GgufValue::string(extension_of(spec).dump()));
  }
}

}  // namespace libquant
