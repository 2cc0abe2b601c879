#include <cctype>

#include "libquant/core/error.h"
#include "libquant/tokenizer/pattern.h"

namespace libquant::text {
namespace {

// What Oniguruma means by \s and \w; PCRE2's differ in U+180E, and in marks and connectors.
constexpr std::string_view kSpaces =
    R"(\x09-\x0D\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr std::string_view kWordParts =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";

class Rewriter {
 public:
  explicit Rewriter(std::string_view pattern) : in_(pattern) {}

  std::string run() {
    while (at_ < in_.size()) {
      if (in_[at_] == '\\') {
        escape();
      } else if (in_class_) {
        inside_class();
      } else {
        outside_class();
      }
    }
    return std::move(out_);
  }

 private:
  bool starts(std::string_view what) const { return in_.substr(at_).starts_with(what); }

  void copy(std::size_t count) {
    out_ += in_.substr(at_, count);
    at_ += count;
  }

  [[noreturn]] void refuse(std::string_view construct) const {
    fail<NotSupported>(
        "the pre-tokenizer pattern \"{}\" uses {} at byte {}, which libquant does "
        "not translate from Oniguruma's syntax",
        in_, construct, at_);
  }

  void outside_class() {
    if (in_[at_] == '[') {
      in_class_ = true;
      copy(1);
      if (starts("^")) copy(1);
      if (starts("]")) refuse("a character class that starts with ]");
    } else if (starts("(*")) {
      refuse("(*");
    } else if (starts("(?")) {
      group_options();
    } else if (starts("{,")) {
      out_ += "{0,";
      at_ += 2;
    } else {
      copy(1);
    }
  }

  // (?m) means PCRE2's (?s) there; the letters that mean the same are copied.
  void group_options() {
    copy(2);
    for (std::size_t i = at_;
         i < in_.size() && (std::isalpha(static_cast<unsigned char>(in_[i])) || in_[i] == '-');
         ++i) {
      if (in_[i] != 'i' && in_[i] != 'x' && in_[i] != '-') refuse("an unusual group option");
    }
    if (starts("~") || starts("^") || starts("#") || starts("R") || starts("&") || starts("C")) {
      refuse("an unusual group");
    }
  }

  void inside_class() {
    if (in_[at_] == ']') {
      in_class_ = false;
    } else if (in_[at_] == '[') {
      refuse("a nested or POSIX character class");
    } else if (starts("&&")) {
      refuse("an intersection of character classes");
    }
    copy(1);
  }

  void escape() {
    if (at_ + 1 >= in_.size()) {
      copy(1);
      return;
    }
    const char c = in_[at_ + 1];
    if (c == 's' || c == 'S') {
      space(c == 's');
    } else if (c == 'w' || c == 'W') {
      word(c == 'w');
    } else if (c == 'u') {
      unicode_escape();
    } else if (c == 'b' || c == 'B' || c == 'h' || c == 'H' || c == 'Z' || c == 'G' || c == 'R' ||
               c == 'X' || c == 'K' || c == 'y' || c == 'Y' || c == 'O' || c == 'N' || c == 'Q' ||
               c == 'E' || c == 'g' || c == 'c' || c == 'M' || c == 'C' || c == 'o' || c == 'v' ||
               c == 'V') {
      refuse(in_.substr(at_, 2));
    } else {
      copy(2);
    }
  }

  void space(bool positive) {
    at_ += 2;
    if (positive) {
      if (in_class_) {
        out_ += kSpaces;
      } else {
        out_.append("[").append(kSpaces).append("]");
      }
    } else {
      out_ += in_class_ ? R"(\S\x{180E})" : R"([\S\x{180E}])";
    }
  }

  void word(bool positive) {
    if (in_class_ && !positive) refuse(R"(\W inside a character class)");
    at_ += 2;
    if (in_class_) {
      out_ += kWordParts;
    } else {
      out_.append(positive ? "[" : "[^").append(kWordParts).append("]");
    }
  }

  void unicode_escape() {
    const std::string_view digits = in_.substr(at_ + 2, 4);
    if (digits.size() != 4 || digits.find_first_not_of("0123456789abcdefABCDEF") != digits.npos) {
      refuse(R"(\u without four hexadecimal digits)");
    }
    out_.append(R"(\x{)").append(digits).append("}");
    at_ += 6;
  }

  std::string_view in_;
  std::string out_;
  std::size_t at_ = 0;
  bool in_class_ = false;
};

}  // namespace

std::string to_pcre2(std::string_view pattern) { return Rewriter(pattern).run(); }

std::string quote_pattern(std::string_view literal) {
  std::string out;
  for (const char c : literal) {
    if (std::ispunct(static_cast<unsigned char>(c))) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace libquant::text
