#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/tokenizer/tokenizer_spec.h"

namespace libquant {

/// Text <-> token ids, with the ids of Hugging Face's `tokenizers`. Immutable: all methods are safe
/// from many threads.
class Tokenizer {
 public:
  explicit Tokenizer(TokenizerSpec spec);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  struct EncodeOptions {
    bool add_special = true;    ///< BOS / EOS where the metadata says so
    bool parse_special = true;  ///< "<|im_start|>" in the text becomes its token
  };
  /// Any bytes are accepted; invalid UTF-8 is replaced by U+FFFD first.
  std::vector<std::int32_t> encode(std::string_view text, EncodeOptions options) const;
  std::vector<std::int32_t> encode(std::string_view text) const { return encode(text, {}); }
  /// Control tokens are left out unless asked for. Throws InvalidArgument for an id outside the
  /// vocabulary.
  std::string decode(std::span<const std::int32_t> ids, bool with_special = false) const;
  /// The bytes of one token, for streaming: a character may be spread over several.
  std::string token_bytes(std::int32_t id) const;

  std::size_t vocabulary_size() const noexcept;
  /// Id of an exact piece, or -1.
  std::int32_t find(std::string_view piece) const noexcept;
  const TokenizerSpec& spec() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace libquant
