#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "libquant/io/gguf.h"
#include "libquant/io/json.h"

namespace libquant {

class Hasher;

/// Everything that defines a tokenizer, whatever file it came from. A plain value: equal specs give
/// equal token ids. The steps mirror those of Hugging Face's `tokenizers`: added tokens are cut out
/// of the text, the rest is normalized, pre-tokenized into pieces, and byte-pair merged.
struct TokenizerSpec {
  enum class Kind : std::uint8_t {
    byte_level,     ///< GPT-2 style byte-level BPE: Llama 3, Qwen, SmolLM
    sentencepiece,  ///< BPE over characters, usually with byte fallback: Llama 2, Mistral
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

  /// A token that is found in the text before anything else happens to it.
  struct AddedToken {
    std::int32_t id = -1;
    bool lstrip = false;       ///< takes the white space on its left along
    bool rstrip = false;       ///< takes the white space on its right along
    bool single_word = false;  ///< only where no word character touches it
    bool normalized = false;   ///< sought in the normalized text, spelled normalized
    friend bool operator==(const AddedToken&, const AddedToken&) = default;
  };

  /// Unicode normalization form C (Qwen).
  struct Nfc {
    friend bool operator==(const Nfc&, const Nfc&) = default;
  };
  /// Puts `text` in front of every non-empty stretch between added tokens (Llama 2).
  struct Prepend {
    std::string text;
    friend bool operator==(const Prepend&, const Prepend&) = default;
  };
  /// Replaces every occurrence of `from` (not empty, taken literally).
  struct Replace {
    std::string from, to;
    friend bool operator==(const Replace&, const Replace&) = default;
  };
  using Normalizer = std::variant<Nfc, Prepend, Replace>;

  /// Cuts pieces at the matches of a pattern in Oniguruma's syntax, as tokenizer.json has it.
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
  /// Spells bytes as letters ("Ġ" for a space). Exactly one in a byte_level spec.
  struct ByteLevel {
    bool add_prefix_space = false;  ///< a piece that starts with no space gets one
    bool use_regex = false;         ///< split with GPT-2's pattern first
    friend bool operator==(const ByteLevel&, const ByteLevel&) = default;
  };
  /// Spells spaces as U+2581, and puts one in front.
  struct Metaspace {
    enum class Prepend : std::uint8_t {
      never,
      first,  ///< only at the very start of the text
      always
    };
    Prepend prepend = Prepend::always;
    bool split = true;  ///< cut in front of every U+2581
    friend bool operator==(const Metaspace&, const Metaspace&) = default;
  };
  using PreTokenizer = std::variant<Split, ByteLevel, Metaspace>;

  Kind kind = Kind::byte_level;
  std::vector<std::string>
      tokens;  ///< id -> piece, in the file's spelling (byte-level letters, U+2581)
  std::vector<TokenType> types;                             ///< one per token
  std::vector<std::pair<std::string, std::string>> merges;  ///< by rank
  std::vector<float> scores;      ///< sentencepiece only: GGUF's, or made from the merges
  std::vector<AddedToken> added;  ///< by ascending id; control tokens count as special
  std::vector<Normalizer> normalizers;
  std::vector<PreTokenizer> pre_tokenizers;
  bool ignore_merges =
      false;  ///< a whole pre-token found in the vocabulary is taken as it is (Llama 3)
  bool byte_fallback = false;  ///< characters outside the vocabulary become "<0xE2>" tokens
  bool map_unknown = false;    ///< what is left becomes `unk`; otherwise it is dropped, as HF does
  bool fuse_unknown = false;   ///< neighbouring unknown characters become one `unk`
  bool strip_leading_space = false;                     ///< by decode, sentencepiece only
  std::int32_t bos = -1, eos = -1, unk = -1, pad = -1;  ///< -1: none
  /// Further ends of an answer (of a turn, of a message), which only a GGUF names; -1: none.
  std::int32_t eot = -1, eom = -1;
  bool add_bos = false, add_eos = false;
  std::string chat_template;  ///< Jinja source as shipped, empty if none
  std::string pre;  ///< GGUF's tokenizer.ggml.pre ("smollm", "llama-bpe", "qwen2"), if known

  friend bool operator==(const TokenizerSpec&, const TokenizerSpec&) = default;
};

/// Checks what the readers guarantee: ids in range, one type per token, no piece twice, merges and
/// their results in the vocabulary, patterns that compile. `source` names the spec in the
/// FormatError (NotSupported for a pattern that libquant cannot run).
void check_tokenizer(const TokenizerSpec& spec, std::string_view source);

/// From Hugging Face's tokenizer.json, and tokenizer_config.json (null if absent) for bos, eos,
/// pad, unk, add_bos_token, add_eos_token (these two win over tokenizer.json's post-processor, as
/// in `transformers`) and the chat template; a chat_template.jinja beside them belongs into the
/// config's "chat_template" first. Components libquant does not implement throw NotSupported
/// naming them; nothing is dropped in silence. Truncation and padding are no part of a spec:
/// `transformers` sets them per call. FormatError for contradictions, among them ids with gaps.
TokenizerSpec tokenizer_from_json(const Json& tokenizer, const Json& tokenizer_config);
/// The two files that make `transformers` tokenize alike: {tokenizer.json, tokenizer_config.json}.
/// Reading them gives the spec back, except that scores become what the merges imply and `pre`
/// the first name of its pattern.
std::pair<Json, Json> tokenizer_to_json(const TokenizerSpec& spec);

/// From and to the tokenizer.* keys of a GGUF file. Writing throws NotSupported for
/// pre-tokenizers that have no tokenizer.ggml.pre name. What the standard keys cannot say (token
/// flags, prefix schemes) goes into "libquant.tokenizer", so that reading gives the spec back.
TokenizerSpec tokenizer_from_gguf(const GgufMetadata& metadata);
void tokenizer_to_gguf(const TokenizerSpec& spec, GgufMetadata& metadata);

/// Feeds all of a spec to a fingerprint.
void hash_tokenizer(const TokenizerSpec& spec, Hasher& hasher);

/// Appends "[PAD<id>]" tokens (type unused) until there is one per row of an embedding that is
/// larger than the vocabulary, which llama.cpp insists on. InvalidArgument when `rows` is smaller.
void pad_vocabulary(TokenizerSpec& spec, std::size_t rows);

}  // namespace libquant
