#include "libquant/tokenizer/presets.h"

#include <algorithm>

#include "libquant/tokenizer/pre_tokenizer.h"

namespace libquant::text {
namespace {

using ByteLevel = TokenizerSpec::ByteLevel;
using Split = TokenizerSpec::Split;
using PreTokenizers = std::vector<TokenizerSpec::PreTokenizer>;

constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen35Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekkenPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kGpt4oPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDeepseekV3Pattern =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

Split split(std::string_view pattern) { return {std::string(pattern)}; }

// Splits in this order, then byte letters.
PreTokenizers splits(std::initializer_list<std::string_view> patterns, bool gpt2_last = false) {
  PreTokenizers out;
  for (const std::string_view pattern : patterns) out.emplace_back(split(pattern));
  out.emplace_back(ByteLevel{false, gpt2_last});
  return out;
}

// With every step spelled out, so that equal ways to split compare equal. A space in front is no
// matter of splitting.
PreTokenizers canonical(const PreTokenizers& pre_tokenizers) {
  PreTokenizers out;
  for (const auto& step : pre_tokenizers) {
    const auto* byte_level = std::get_if<ByteLevel>(&step);
    const auto* cut = std::get_if<Split>(&step);
    if (byte_level != nullptr) {
      if (byte_level->use_regex) out.emplace_back(split(kGpt2Pattern));
      out.emplace_back(ByteLevel{});
    } else if (cut != nullptr && cut->invert && cut->behavior == Split::Behavior::removed) {
      // The patterns of the presets leave nothing between their matches.
      out.emplace_back(split(cut->pattern));
    } else {
      out.push_back(step);
    }
  }
  return out;
}

bool wants_nfc(const TokenizerSpec& spec) {
  return spec.normalizers ==
         std::vector<TokenizerSpec::Normalizer>{TokenizerSpec::Normalizer(TokenizerSpec::Nfc{})};
}

}  // namespace

// The patterns are those of the models' tokenizer.json; llama.cpp rewrites some for its own
// matcher.
const std::vector<Preset>& presets() {
  static const std::vector<Preset> table = {
      {{"gpt-2", "mpt", "olmo", "jais", "phi-2", "roberta-bpe", "gigachat"}, splits({}, true)},
      {{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"},
       splits({R"(\p{N})"}, true)},
      {{"llama-bpe", "llama3", "llama-v3", "falcon3"}, splits({kLlama3Pattern}), true, true},
      {{"dbrx", "smaug-bpe", "chatglm-bpe"}, splits({kLlama3Pattern})},
      {{"qwen2", "megrez", "deepseek-r1-qwen"}, splits({kQwen2Pattern}), false, false, true},
      {{"stablelm2"}, splits({kQwen2Pattern})},
      {{"qwen35"}, splits({kQwen35Pattern}), false, false, true},
      {{"tekken"}, splits({kTekkenPattern}), true, true},
      {{"gpt-4o"}, splits({kGpt4oPattern})},
      {{"deepseek-coder"},
       splits({"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", "[一-龥ࠀ-一가-퟿]+", R"(\p{N})"})},
      {{"deepseek-v3"}, splits({R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+", kDeepseekV3Pattern})},
      {{"default"},
       splits({R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Pattern, R"(\p{N}+)", "[0-9][0-9][0-9]"})},
  };
  return table;
}

const Preset* preset_named(std::string_view name) {
  for (const Preset& preset : presets()) {
    if (std::find(preset.names.begin(), preset.names.end(), name) != preset.names.end()) {
      return &preset;
    }
  }
  return nullptr;
}

std::string detect_pre(const TokenizerSpec& spec) {
  if (spec.kind == TokenizerSpec::Kind::sentencepiece) {
    const bool splits =
        std::any_of(spec.pre_tokenizers.begin(), spec.pre_tokenizers.end(),
                    [](const auto& step) { return std::holds_alternative<Split>(step); });
    return splits ? "" : "default";
  }
  const PreTokenizers wanted = canonical(spec.pre_tokenizers);
  const auto same_split = [&](const Preset* preset) {
    return preset != nullptr && canonical(preset->pre_tokenizers) == wanted;
  };
  if (same_split(preset_named(spec.pre))) return spec.pre;
  const Preset* best = nullptr;
  int best_score = -1;
  for (const Preset& preset : presets()) {
    if (!same_split(&preset)) continue;
    const int score =
        2 * (preset.ignore_merges == spec.ignore_merges) + (preset.nfc == wants_nfc(spec));
    if (score > best_score) {
      best = &preset;
      best_score = score;
    }
  }
  return best == nullptr ? "" : std::string(best->names.front());
}

}  // namespace libquant::text
