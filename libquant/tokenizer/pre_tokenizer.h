#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "libquant/tokenizer/pattern.h"
#include "libquant/tokenizer/tokenizer_spec.h"

namespace libquant::text {

/// GPT-2's pattern, which ByteLevel::use_regex stands for.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// Applies the normalizers in order to valid UTF-8.
std::string normalize(std::span<const TokenizerSpec::Normalizer> normalizers,
                      std::string_view text);

/// Pieces of a text: non-empty stretches, in order.
struct Pieces {
  struct Span {
    std::size_t begin = 0, end = 0;
  };
  std::string text;
  std::vector<Span> spans;
  bool starts_text = false;  ///< the first one stands at the very start of what the user gave

  std::string_view operator[](std::size_t i) const {
    return std::string_view(text).substr(spans[i].begin, spans[i].end - spans[i].begin);
  }
};

/// The pre-tokenizers of a spec with their patterns compiled. Immutable.
class PreTokenizerChain {
 public:
  explicit PreTokenizerChain(const TokenizerSpec& spec);

  /// `text`: valid UTF-8 between two added tokens, normalized; `starts_text`: nothing precedes it.
  Pieces run(std::string text, bool starts_text) const;

 private:
  struct CompiledSplit {
    Pattern pattern;
    TokenizerSpec::Split::Behavior behavior;
    bool invert;
  };
  struct ByteLetters {};
  struct PrefixSpace {};
  using Step = std::variant<CompiledSplit, PrefixSpace, ByteLetters, TokenizerSpec::Metaspace>;

  static void apply(const CompiledSplit& split, Pieces* pieces);
  static void apply(const PrefixSpace&, Pieces* pieces);
  static void apply(const ByteLetters&, Pieces* pieces);
  static void apply(const TokenizerSpec::Metaspace& metaspace, Pieces* pieces);

  std::vector<Step> steps_;
};

}  // namespace libquant::text
