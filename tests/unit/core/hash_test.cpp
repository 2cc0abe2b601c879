#include "libquant/core/hash.h"

#include <span>
#include <string_view>

#include "tests/support/catch.h"

TEST_CASE("hashing in parts equals hashing at once, and the empty hash is XXH3-128's", "[core]") {
  CHECK(libquant::Hasher().hex() == "99aa06d3014798d86001c324468d497f");
  libquant::Hasher parts;
  parts.update("lib");
  parts.update("quant");
  CHECK(parts.hex() == libquant::hash_hex(std::as_bytes(std::span(std::string_view("libquant")))));
}

TEST_CASE("the 64-bit hash of the empty text is XXH3's", "[core]") {
  CHECK(libquant::hash64("") == 0x2d06800538d394c2u);
  CHECK(libquant::hash64("a") != libquant::hash64("b"));
}
