#include "libquant/io/text.h"

#include "tests/support/catch.h"

using libquant::is_utf8;
using libquant::printable;

TEST_CASE("UTF-8 is accepted at the ends of every range and refused just outside them", "[io]") {
  for (const char* good : {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xec\xbf\xbf",
                           "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
                           "\xf3\xbf\xbf\xbf", "\xf4\x8f\xbf\xbf", "a\xc3\xa9z"})
    CHECK(is_utf8(good));
  for (const char* bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xe0\xa0",
        "\xe1\x80\x41", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "ok\xc3", "\xc3\xa9\xa9"})
    CHECK_FALSE(is_utf8(bad));
  CHECK(is_utf8(std::string_view("a\0b", 3)));
}

TEST_CASE("text for messages has no control characters and ends after the limit", "[io]") {
  CHECK(printable("caf\xc3\xa9") == "caf\xc3\xa9");
  CHECK(printable("\x1b[31mred\n") == "\\x1b[31mred\\x0a");
  CHECK(printable(std::string_view("a\0", 2)) == "a\\x00");
  CHECK(printable("\xc2\x9b"
                  "31m") == "\\xc2\\x9b31m");
  CHECK(printable("bad\xff\xc3") == "bad\\xff\\xc3");
  CHECK(printable(std::string(500, 'x'), 10) == "xxxxxxxxxx...");
  CHECK(printable("0123456789", 10) == "0123456789");
}

TEST_CASE("repaired text keeps what is well formed and replaces every other byte", "[io]") {
  CHECK(libquant::repaired_utf8("") == "");
  CHECK(libquant::repaired_utf8("Z\xc3\xbcrich \xe2\x82\xac") == "Z\xc3\xbcrich \xe2\x82\xac");
  CHECK(libquant::repaired_utf8("a\xff\xc3(") == "a\xef\xbf\xbd\xef\xbf\xbd(");
  // A surrogate's three bytes are three mistakes.
  CHECK(libquant::repaired_utf8("\xed\xa0\x80") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}
