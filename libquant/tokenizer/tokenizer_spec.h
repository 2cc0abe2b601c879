#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libquant/io/gguf.h"
#include "libquant/io/json.h"

namespace libquant {

/// Everything that defines a tokenizer, whatever file it came from. A plain value: equal specs give
/// equal token ids.
struct TokenizerSpec {
  enum class Kind : std::uint8_t {
    byte_level,     ///< GPT-2 style byte-level BPE: Llama 3, Qwen, SmolLM
    sentencepiece,  ///< BPE over characters with byte fallback: Llama 2, Mistral
  };
  /// What a piece is for; values as in GGUF's tokenizer.ggml.token_type.
  enum class TokenType : std::uint8_t {
    normal = 1,
    unknown = 2,
    control = 3,
    user_defined = 4,
    unused = 5,
    byte = 6
  };
  /// One step of the pre-tokenizer: text is split at the matches of a PCRE2 pattern (UTF, UCP).
  struct Split {
    enum class Behavior : std::uint8_t {
      isolated,
      removed,
      merged_with_previous,
      merged_with_next,
      contiguous
    };
    std::string pattern;
    Behavior behavior = Behavior::isolated;
    bool invert = false;  ///< the matches are the pieces, what lies between is the delimiter
    friend bool operator==(const Split&, const Split&) = default;
  };

  Kind kind = Kind::byte_level;
  std::vector<std::string>
      tokens;  ///< id -> piece, in the file's spelling (byte-level letters, U+2581)
  std::vector<TokenType> types;                             ///< one per token
  std::vector<std::pair<std::string, std::string>> merges;  ///< by rank
  std::vector<float> scores;  ///< sentencepiece from GGUF, when merges are absent
  std::vector<Split> splits;
  bool add_prefix_space = false;
  bool ignore_merges =
      false;  ///< a whole pre-token found in the vocabulary is taken as it is (Llama 3)
  bool byte_fallback = false;
  bool normalize_nfc = false;                           ///< Qwen
  std::int32_t bos = -1, eos = -1, unk = -1, pad = -1;  ///< -1: none
  bool add_bos = false, add_eos = false;
  std::string chat_template;  ///< Jinja source as shipped, empty if none
  std::string pre;  ///< GGUF's tokenizer.ggml.pre ("smollm", "llama-bpe", "qwen2"), if known

  friend bool operator==(const TokenizerSpec&, const TokenizerSpec&) = default;
};

/// From Hugging Face's tokenizer.json, and tokenizer_config.json (null if absent) for bos, eos,
/// add_bos_token and the chat template. Components libquant does not implement throw NotSupported
/// naming them; nothing is dropped in silence.
TokenizerSpec tokenizer_from_json(const Json& tokenizer, const Json& tokenizer_config);
/// The two files that make `transformers` tokenize alike: {tokenizer.json, tokenizer_config.json}.
std::pair<Json, Json> tokenizer_to_json(const TokenizerSpec& spec);

/// From and to the tokenizer.* keys of a GGUF file.
TokenizerSpec tokenizer_from_gguf(const GgufMetadata& metadata);
void tokenizer_to_gguf(const TokenizerSpec& spec, GgufMetadata& metadata);

}  // namespace libquant
