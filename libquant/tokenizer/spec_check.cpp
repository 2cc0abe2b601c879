#include <cmath>
#include <limits>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "libquant/core/error.h"
#include "libquant/tokenizer/pattern.h"
#include "libquant/tokenizer/tokenizer_spec.h"
#include "libquant/tokenizer/unicode.h"

namespace libquant {
namespace {

using TokenType = TokenizerSpec::TokenType;

class Checker {
 public:
  Checker(const TokenizerSpec& spec, std::string_view source) : spec_(spec), source_(source) {}

  void run() {
    tokens();
    merges();
    added_tokens();
    special_ids();
    steps();
    require<FormatError>(spec_.scores.empty() || spec_.scores.size() == spec_.tokens.size(),
                         "reading {}: {} scores for {} tokens", source_, spec_.scores.size(),
                         spec_.tokens.size());
    for (std::size_t i = 0; i < spec_.scores.size(); ++i) {
      require<FormatError>(std::isfinite(spec_.scores[i]), "reading {}: token {} has the score {}",
                           source_, i, spec_.scores[i]);
    }
    require<FormatError>(text::is_valid_utf8(spec_.chat_template),
                         "reading {}: the chat template is not valid UTF-8", source_);
  }

 private:
  void tokens() {
    require<FormatError>(!spec_.tokens.empty(), "reading {}: the vocabulary is empty", source_);
    require<FormatError>(spec_.tokens.size() < std::numeric_limits<std::int32_t>::max(),
                         "reading {}: {} tokens, more than 2^31", source_, spec_.tokens.size());
    require<FormatError>(spec_.types.size() == spec_.tokens.size(),
                         "reading {}: {} token types for {} tokens", source_, spec_.types.size(),
                         spec_.tokens.size());
    pieces_.reserve(spec_.tokens.size());
    for (std::size_t i = 0; i < spec_.tokens.size(); ++i) {
      const std::string& piece = spec_.tokens[i];
      require<FormatError>(text::is_valid_utf8(piece), "reading {}: token {} is not valid UTF-8",
                           source_, i);
      require<FormatError>(pieces_.insert(piece).second,
                           "reading {}: token {} \"{}\" is in the vocabulary twice", source_, i,
                           piece);
      const auto type = static_cast<int>(spec_.types[i]);
      require<FormatError>(type >= 1 && type <= 6, "reading {}: token {} has type {}, not 1 to 6",
                           source_, i, type);
    }
  }

  void merges() const {
    std::string merged;
    for (std::size_t i = 0; i < spec_.merges.size(); ++i) {
      const auto& [left, right] = spec_.merges[i];
      merged.assign(left).append(right);
      for (const std::string* piece : {&left, &right, &std::as_const(merged)}) {
        require<FormatError>(pieces_.contains(*piece),
                             "reading {}: merge {} (\"{}\" and \"{}\") needs the piece \"{}\", "
                             "which is not in the vocabulary",
                             source_, i, left, right, *piece);
      }
      require<FormatError>(!left.empty() && !right.empty(),
                           "reading {}: merge {} joins an empty piece", source_, i);
    }
  }

  void added_tokens() const {
    std::int32_t previous = -1;
    for (const auto& token : spec_.added) {
      in_range(token.id, "an added token");
      require<FormatError>(token.id > previous,
                           "reading {}: added tokens {} and {} are not in the order of their ids",
                           source_, previous, token.id);
      previous = token.id;
      const TokenType type = spec_.types[static_cast<std::size_t>(token.id)];
      require<FormatError>(type == TokenType::control || type == TokenType::user_defined ||
                               type == TokenType::unknown,
                           "reading {}: added token {} has type {}", source_, token.id,
                           static_cast<int>(type));
    }
  }

  void in_range(std::int32_t id, std::string_view what) const {
    require<FormatError>(id >= 0 && static_cast<std::size_t>(id) < spec_.tokens.size(),
                         "reading {}: {} has id {}, but the vocabulary has {} tokens", source_,
                         what, id, spec_.tokens.size());
  }

  void special_ids() const {
    const std::pair<std::string_view, std::int32_t> ids[] = {
        {"bos", spec_.bos}, {"eos", spec_.eos}, {"eot", spec_.eot},
        {"eom", spec_.eom}, {"unk", spec_.unk}, {"pad", spec_.pad}};
    for (const auto& [name, id] : ids) {
      if (id != -1) in_range(id, name);
    }
    require<FormatError>(!spec_.add_bos || spec_.bos >= 0,
                         "reading {}: bos is to be added, but there is no bos token", source_);
    require<FormatError>(!spec_.add_eos || spec_.eos >= 0,
                         "reading {}: eos is to be added, but there is no eos token", source_);
    require<FormatError>(!spec_.map_unknown || spec_.unk >= 0,
                         "reading {}: unknown characters need an unk token, and there is none",
                         source_);
  }

  void steps() const {
    for (const auto& normalizer : spec_.normalizers) {
      if (const auto* replace = std::get_if<TokenizerSpec::Replace>(&normalizer)) {
        require<FormatError>(!replace->from.empty(),
                             "reading {}: a normalizer replaces the empty string", source_);
        require<FormatError>(text::is_valid_utf8(replace->from) && text::is_valid_utf8(replace->to),
                             "reading {}: a normalizer's text is not valid UTF-8", source_);
      } else if (const auto* prepend = std::get_if<TokenizerSpec::Prepend>(&normalizer)) {
        require<FormatError>(text::is_valid_utf8(prepend->text),
                             "reading {}: a normalizer's text is not valid UTF-8", source_);
      }
    }
    std::size_t byte_levels = 0;
    for (const auto& pre_tokenizer : spec_.pre_tokenizers) {
      if (const auto* split = std::get_if<TokenizerSpec::Split>(&pre_tokenizer)) {
        text::Pattern compiles(split->pattern);
      } else if (std::holds_alternative<TokenizerSpec::ByteLevel>(pre_tokenizer)) {
        ++byte_levels;
      }
    }
    const std::size_t wanted = spec_.kind == TokenizerSpec::Kind::byte_level ? 1 : 0;
    require<FormatError>(byte_levels == wanted,
                         "reading {}: {} ByteLevel pre-tokenizers, expected {}", source_,
                         byte_levels, wanted);
  }

  const TokenizerSpec& spec_;
  std::string_view source_;
  std::unordered_set<std::string_view> pieces_;
};

}  // namespace

void check_tokenizer(const TokenizerSpec& spec, std::string_view source) {
  Checker(spec, source).run();
}

void pad_vocabulary(TokenizerSpec& spec, std::size_t rows) {
  require(rows >= spec.tokens.size(), "padding a vocabulary of {} tokens to {} rows",
          spec.tokens.size(), rows);
  for (std::size_t id = spec.tokens.size(); id < rows; ++id) {
    spec.tokens.push_back(fmt::format("[PAD{}]", id));
    spec.types.push_back(TokenType::unused);
    if (!spec.scores.empty()) spec.scores.push_back(-10000.0F);
  }
}

}  // namespace libquant
