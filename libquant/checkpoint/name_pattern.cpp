#include "libquant/checkpoint/name_pattern.h"

#include <pcre2.h>

#include <string>

#include "libquant/core/error.h"

namespace libquant {
namespace {

std::string message_of(int code) {
  char text[256];
  return pcre2_get_error_message(code, reinterpret_cast<PCRE2_UCHAR*>(text), sizeof text) < 0
             ? fmt::format("error {}", code)
             : std::string(text);
}

}  // namespace

struct NamePattern::Compiled {
  std::string pattern, where;
  pcre2_code* code = nullptr;
  pcre2_match_context* limits = nullptr;

  ~Compiled() {
    pcre2_code_free(code);
    pcre2_match_context_free(limits);
  }
};

NamePattern::NamePattern(std::string_view pattern, std::string_view where)
    : compiled_(std::make_unique<Compiled>()) {
  compiled_->pattern = pattern;
  compiled_->where = where;
  int error = 0;
  PCRE2_SIZE offset = 0;
  compiled_->code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                    PCRE2_UTF | PCRE2_ANCHORED | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr);
  require<FormatError>(compiled_->code != nullptr, "{}: pattern {} is wrong at character {}: {}",
                       where, pattern, offset, message_of(error));
  compiled_->limits = pcre2_match_context_create(nullptr);
  require<Error>(compiled_->limits != nullptr, "{}: no memory for pattern {}", where, pattern);
  pcre2_set_match_limit(compiled_->limits, 100000);
}

NamePattern::NamePattern(NamePattern&&) noexcept = default;
NamePattern& NamePattern::operator=(NamePattern&&) noexcept = default;
NamePattern::~NamePattern() = default;

bool NamePattern::matches(std::string_view name) const {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  require<Error>(data != nullptr, "{}: no memory to match {}", compiled_->where,
                 compiled_->pattern);
  const int result = pcre2_match(compiled_->code, reinterpret_cast<PCRE2_SPTR>(name.data()),
                                 name.size(), 0, 0, data, compiled_->limits);
  pcre2_match_data_free(data);
  require<FormatError>(result >= 0 || result == PCRE2_ERROR_NOMATCH,
                       "{}: matching pattern {} against {}: {}", compiled_->where,
                       compiled_->pattern, name, message_of(result));
  return result >= 0;
}

std::string escape_pattern(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}-").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace libquant
