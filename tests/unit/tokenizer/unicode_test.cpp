#include "libquant/tokenizer/unicode.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace text = libquant::text;

TEST_CASE("Ill-formed UTF-8 becomes U+FFFD once per maximal ill-formed part") {
  const auto [bytes, expected] = GENERATE(table<std::string, std::string>({
      {"plain \xC3\xA9", "plain \xC3\xA9"},
      {"a\x80z", "a\uFFFDz"},
      {"\xC3", "\uFFFD"},
      {"\xC3(", "\uFFFD("},
      {"\xE2\x82", "\uFFFD"},                        // truncated: one part
      {"\xF0\x9F\x98\xE2\x82\xAC", "\uFFFD\u20AC"},  // truncated by the next character
      {"\xC0\xAF", "\uFFFD\uFFFD"},                  // overlong
      {"\xE0\x80\xAF", "\uFFFD\uFFFD\uFFFD"},
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},  // a surrogate
      {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
      {"\xFF\xFE", "\uFFFD\uFFFD"},
      {"\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"},  // U+10FFFF
  }));
  CHECK(text::to_valid_utf8(bytes) == expected);
  CHECK(text::is_valid_utf8(bytes) == (bytes == expected));
  CHECK(text::is_valid_utf8(expected));
}

TEST_CASE("Every code point survives being written and read") {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c == 0xD800) c = 0xE000;
    std::string bytes;
    text::append_utf8(&bytes, c);
    std::size_t at = 0;
    const char32_t back = text::next_code_point(bytes, &at);
    if (back != c || at != bytes.size() || !text::is_valid_utf8(bytes)) {
      FAIL("U+" << std::hex << static_cast<std::uint32_t>(c));
    }
  }
}

TEST_CASE("Normalization form C composes, reorders and keeps what is excluded") {
  const auto [given, expected] = GENERATE(table<std::string, std::string>({
      {"plain", "plain"},
      {"caf\u0065\u0301", "caf\u00E9"},
      {"\u212B", "\u00C5"},                // a singleton
      {"q\u0307\u0323", "q\u0323\u0307"},  // marks by combining class
      {"\u1E9B\u0323", "\u1E9B\u0323"},
      {"\u1112\u1161\u11AB", "\uD55C"},  // Hangul
      {"\u0958", "\u0915\u093C"},        // excluded from composition
      {"\u0344", "\u0308\u0301"},
      {"\uF900", "\u8C48"},
      {"e\u0301\u0301", "\u00E9\u0301"},
  }));
  CHECK(text::to_nfc(given) == expected);
  CHECK(text::to_nfc(expected) == expected);
}

TEST_CASE("A long run of marks in the wrong order is normalized") {
  std::string marks = "a", sorted = "a";
  constexpr std::size_t kCount = 100'000;
  for (std::size_t i = 0; i < kCount; ++i) marks += "\u0302\u0323";
  for (std::size_t i = 0; i < kCount; ++i) sorted += "\u0323";
  for (std::size_t i = 0; i < kCount; ++i) sorted += "\u0302";
  // One of each kind composes with the letter: a, U+0323, U+0302 make U+1EAD.
  const std::string composed = text::to_nfc(marks);
  CHECK(composed.substr(0, 3) == "\u1EAD");
  CHECK(composed.size() == 3 + 4 * (kCount - 1));
  CHECK(text::to_nfc(sorted) == composed);
}

TEST_CASE("Byte letters are GPT-2's and go both ways") {
  CHECK(text::byte_letter(' ') == U'\u0120');
  CHECK(text::byte_letter('\n') == U'\u010A');
  CHECK(text::byte_letter('!') == U'!');
  CHECK(text::byte_letter(0xAD) == U'\u0143');
  CHECK(text::byte_letter(0xFF) == U'\u00FF');
  for (int byte = 0; byte < 256; ++byte) {
    CHECK(text::letter_byte(text::byte_letter(static_cast<std::uint8_t>(byte))) == byte);
  }
  CHECK(text::letter_byte(U' ') == -1);
  CHECK(text::letter_byte(U'\u0144') == -1);
}

TEST_CASE("Byte pieces are recognised by their exact spelling") {
  CHECK(text::byte_of_piece("<0x0A>") == 10);
  CHECK(text::byte_of_piece(text::piece_of_byte(0xE2)) == 0xE2);
  for (const char* other : {"<0x0a>", "<0x0A", "<0x0A> ", "0x0A", "<0xG0>", "<0x1>"}) {
    CHECK(text::byte_of_piece(other) == -1);
  }
}
