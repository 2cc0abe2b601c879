#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace libquant {

/// A regular expression over module names that must match from the first character on (Python's
/// re.match), as in the targets of compressed-tensors and GPTQModel's "dynamic".
class NamePattern {
 public:
  /// FormatError naming `where` for a pattern that PCRE2 does not take.
  NamePattern(std::string_view pattern, std::string_view where);
  NamePattern(NamePattern&&) noexcept;
  NamePattern& operator=(NamePattern&&) noexcept;
  ~NamePattern();

  /// FormatError when matching takes absurdly long.
  bool matches(std::string_view name) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

/// `text` with every character that is special in a pattern escaped.
std::string escape_pattern(std::string_view text);

}  // namespace libquant
