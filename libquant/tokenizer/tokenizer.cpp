#include "libquant/tokenizer/tokenizer.h"

#include <utility>

#include "libquant/core/error.h"
#include "libquant/tokenizer/added_tokens.h"
#include "libquant/tokenizer/bpe.h"
#include "libquant/tokenizer/pre_tokenizer.h"
#include "libquant/tokenizer/unicode.h"

namespace libquant {
namespace {

using TokenType = TokenizerSpec::TokenType;

bool is_special(TokenType type) noexcept {
  return type == TokenType::control || type == TokenType::unknown;
}

// Spelled as it is meant, not in byte letters or with marks for spaces.
bool is_verbatim(TokenType type) noexcept {
  return type == TokenType::control || type == TokenType::user_defined ||
         type == TokenType::unknown || type == TokenType::unused;
}

TokenizerSpec checked(TokenizerSpec spec) {
  check_tokenizer(spec, "the tokenizer");
  return spec;
}

}  // namespace

struct Tokenizer::Impl {
  explicit Impl(TokenizerSpec s) : spec(checked(std::move(s))), bpe(spec), pre_tokenizers(spec) {
    special.resize(spec.tokens.size());
    for (const auto& token : spec.added) {
      const auto id = static_cast<std::size_t>(token.id);
      special[id] = is_special(spec.types[id]);
      const text::AddedTokenMatcher::Entry entry{token, special[id]};
      if (token.normalized) {
        after_normalizing.add(text::normalize(spec.normalizers, spec.tokens[id]), entry);
      } else {
        before_normalizing.add(spec.tokens[id], entry);
      }
    }
  }

  void encode_stretch(std::string_view stretch, bool starts_text, bool parse_special,
                      text::Bpe::Cache* cache, std::vector<std::int32_t>* ids) const {
    const std::string normalized = text::normalize(spec.normalizers, stretch);
    for (const auto& segment : after_normalizing.split(normalized, parse_special)) {
      if (segment.id >= 0) {
        ids->push_back(segment.id);
        continue;
      }
      const text::Pieces pieces =
          pre_tokenizers.run(normalized.substr(segment.begin, segment.end - segment.begin),
                             starts_text && segment.begin == 0);
      for (std::size_t i = 0; i < pieces.spans.size(); ++i) bpe.encode(pieces[i], cache, ids);
    }
  }

  void append_token(std::int32_t id, std::string* out) const {
    const auto index = static_cast<std::size_t>(id);
    const std::string& piece = spec.tokens[index];
    if (is_verbatim(spec.types[index])) {
      *out += piece;
    } else if (spec.kind == TokenizerSpec::Kind::byte_level) {
      append_letters(piece, out);
    } else {
      append_marked(piece, out);
    }
  }

  static void append_letters(std::string_view piece, std::string* out) {
    const std::size_t begin = out->size();
    for (std::size_t at = 0; at < piece.size();) {
      const int byte = text::letter_byte(text::next_code_point(piece, &at));
      if (byte < 0) {  // not spelled in byte letters after all
        out->resize(begin);
        *out += piece;
        return;
      }
      out->push_back(static_cast<char>(byte));
    }
  }

  void append_marked(std::string_view piece, std::string* out) const {
    if (const int byte = text::byte_of_piece(piece); spec.byte_fallback && byte >= 0) {
      out->push_back(static_cast<char>(byte));
      return;
    }
    for (std::size_t at = 0; at < piece.size();) {
      const std::size_t found = std::min(piece.find(text::kSpaceMark, at), piece.size());
      *out += piece.substr(at, found - at);
      if (found < piece.size()) *out += ' ';
      at = found + text::kSpaceMark.size();
    }
  }

  bool is_byte(std::int32_t id) const {
    const auto index = static_cast<std::size_t>(id);
    return spec.kind == TokenizerSpec::Kind::sentencepiece && spec.byte_fallback &&
           !is_verbatim(spec.types[index]) && text::byte_of_piece(spec.tokens[index]) >= 0;
  }

  void check_id(std::int32_t id) const {
    require(id >= 0 && static_cast<std::size_t>(id) < spec.tokens.size(),
            "decoding token {}: the vocabulary has {} tokens", id, spec.tokens.size());
  }

  TokenizerSpec spec;
  text::Bpe bpe;
  text::PreTokenizerChain pre_tokenizers;
  text::AddedTokenMatcher before_normalizing, after_normalizing;
  std::vector<bool> special;  // by id: left out by decode
};

Tokenizer::Tokenizer(TokenizerSpec spec) : impl_(std::make_unique<const Impl>(std::move(spec))) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

std::vector<std::int32_t> Tokenizer::encode(std::string_view input, EncodeOptions options) const {
  std::string repaired;
  if (!text::is_valid_utf8(input)) {
    repaired = text::to_valid_utf8(input);
    input = repaired;
  }
  std::vector<std::int32_t> ids;
  text::Bpe::Cache cache;
  if (options.add_special && impl_->spec.add_bos) ids.push_back(impl_->spec.bos);
  for (const auto& segment : impl_->before_normalizing.split(input, options.parse_special)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      impl_->encode_stretch(input.substr(segment.begin, segment.end - segment.begin),
                            segment.begin == 0, options.parse_special, &cache, &ids);
    }
  }
  if (options.add_special && impl_->spec.add_eos) ids.push_back(impl_->spec.eos);
  return ids;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool with_special) const {
  std::string out;
  std::string bytes;
  // A run of byte tokens that is no valid UTF-8 shows one U+FFFD per byte, as in `tokenizers`.
  const auto flush_bytes = [&] {
    if (text::is_valid_utf8(bytes)) {
      out += bytes;
    } else {
      for (std::size_t i = 0; i < bytes.size(); ++i) out += "\xEF\xBF\xBD";
    }
    bytes.clear();
  };
  for (const std::int32_t id : ids) {
    impl_->check_id(id);
    if (!with_special && impl_->special[static_cast<std::size_t>(id)]) continue;
    if (impl_->is_byte(id)) {
      impl_->append_token(id, &bytes);
    } else {
      flush_bytes();
      impl_->append_token(id, &out);
    }
  }
  flush_bytes();
  if (impl_->spec.strip_leading_space && out.starts_with(' ')) out.erase(0, 1);
  return text::is_valid_utf8(out) ? out : text::to_valid_utf8(out);
}

std::string Tokenizer::token_bytes(std::int32_t id) const {
  impl_->check_id(id);
  std::string out;
  impl_->append_token(id, &out);
  return out;
}

std::size_t Tokenizer::vocabulary_size() const noexcept { return impl_->spec.tokens.size(); }

std::int32_t Tokenizer::find(std::string_view piece) const noexcept {
  return impl_->bpe.find(piece);
}

const TokenizerSpec& Tokenizer::spec() const noexcept { return impl_->spec; }

}  // namespace libquant
