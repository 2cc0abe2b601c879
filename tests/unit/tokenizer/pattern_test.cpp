#include "libquant/tokenizer/pattern.h"

#include <string>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/tokenizer/presets.h"
#include "libquant/tokenizer/unicode.h"
#include "tests/support/catch.h"

using libquant::FormatError;
using libquant::NotSupported;
using libquant::text::Pattern;

namespace {

std::vector<std::string> matches(const char* pattern, const std::string& subject) {
  const Pattern compiled(pattern);
  Pattern::Searcher searcher(compiled);
  std::vector<Pattern::Match> found;
  searcher.find_all(subject, &found);
  std::vector<std::string> out;
  for (const auto& match : found)
    out.push_back(subject.substr(match.begin, match.end - match.begin));
  return out;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("White space is Unicode's White_Space, inside and outside of classes") {
  for (char32_t c = 0; c <= 0x3100; ++c) {
    if (c == 0xD800) c = 0xE000;
    std::string one;
    libquant::text::append_utf8(&one, c);
    const bool space = libquant::text::is_space(c);
    INFO("U+" << std::hex << static_cast<std::uint32_t>(c));
    if (matches("\\s", one).empty() == space ||
        matches("[a\\s]", one).empty() == (space || c == 'a') ||
        matches("\\S", one).empty() != space || matches("[^\\S]", one).empty() == space ||
        matches("[^\\s]", one).empty() != space) {
      FAIL("\\s is wrong");
    }
  }
  CHECK(libquant::text::is_space(0x85));
  CHECK_FALSE(libquant::text::is_space(0x180E));
  CHECK_FALSE(libquant::text::is_space(0x200B));
}

TEST_CASE("Oniguruma's syntax is translated") {
  CHECK(matches("^a", "a\na") == Strings{"a", "a"});   // ^ at every line
  CHECK(matches("a{,2}b", "aaab") == Strings{"aab"});  // {,n} is {0,n}
  CHECK(matches("\\w+", "a\u0301_\u203F1 -\u24B6") == Strings{"a\u0301_\u203F1", "\u24B6"});
  CHECK(matches("[\\w]+", "a\u0301 b") == Strings{"a\u0301", "b"});
  CHECK(matches("\\u00e9", "caf\u00E9") == Strings{"\u00E9"});
  CHECK(matches("(?i:'s)", "'S'\u017F") == Strings{"'S", "'\u017F"});
  CHECK(matches("x*", "axx") == Strings{"", "xx"});
}

TEST_CASE("A quoted literal matches itself only") {
  const std::string literal = R"(a.b*[c](d)\e^$ |{1}?+#-)";
  CHECK(matches(libquant::text::quote_pattern(literal).c_str(), "x" + literal + "a+b") ==
        Strings{literal});
}

TEST_CASE("A pattern that cannot be translated is refused by name") {
  const auto [pattern, named] = GENERATE(table<std::string, std::string>({
      {R"(\bword)", R"(\b)"},
      {R"(\h)", R"(\h)"},
      {R"([a[bc]])", "nested"},
      {R"([[:alpha:]])", "POSIX"},
      {R"([a-z&&[^b]])", "intersection"},
      {R"([\W])", R"(\W)"},
      {R"((*NO_JIT)a)", "(*"},
      {R"((?m:.))", "group option"},
      {R"((?R))", "group"},
      {R"(\Qa.b\E)", R"(\Q)"},
      {R"(\u12)", R"(\u)"},
      {R"([]a])", "]"},
  }));
  REQUIRE_THROWS_AS(Pattern(pattern), NotSupported);
  try {
    Pattern compiled(pattern);
  } catch (const NotSupported& error) {
    CHECK(std::string(error.what()).find(named) != std::string::npos);
    CHECK(std::string(error.what()).find(pattern) != std::string::npos);
  }
}

TEST_CASE("A pattern that does not compile is a format error with the place") {
  for (const std::string pattern :
       {"(a", "a)", "[a", "*a", "\\p{Nonsense}", "a\\", "(?<n>a", "a{99999}", "\xFF"}) {
    INFO(pattern);
    REQUIRE_THROWS_AS(Pattern(pattern), FormatError);
  }
  REQUIRE_THROWS_AS(Pattern(std::string(1 << 17, 'a')), FormatError);
  REQUIRE_THROWS_AS(Pattern(std::string(2000, '(') + std::string(2000, ')')), FormatError);
}

TEST_CASE("A pattern that backtracks without end stops with an error") {
  const Pattern pattern("(a|aa)+$|(a*)*b");
  Pattern::Searcher searcher(pattern);
  std::vector<Pattern::Match> found;
  REQUIRE_THROWS_AS(searcher.find_all(std::string(5000, 'a') + "c", &found), NotSupported);
}

TEST_CASE("Every preset splits a long run of one character in one go or evenly") {
  for (const auto& preset : libquant::text::presets()) {
    for (const auto& step : preset.pre_tokenizers) {
      const auto* split = std::get_if<libquant::TokenizerSpec::Split>(&step);
      if (split == nullptr) continue;
      const Pattern pattern(split->pattern);
      Pattern::Searcher searcher(pattern);
      for (const char* unit : {"a", "A", " ", "\n", "1", "!", "\u6F22", "\u0301", "aB ", " \n"}) {
        std::string text;
        while (text.size() < 300'000) text += unit;
        std::vector<Pattern::Match> found;
        INFO(split->pattern << " on " << unit);
        REQUIRE_NOTHROW(searcher.find_all(text, &found));
        std::size_t end = 0;
        for (const auto& match : found) {
          REQUIRE(match.begin >= end);
          end = match.end;
        }
        REQUIRE(end <= text.size());
      }
    }
  }
}
