#include "libquant/scoring/sample_answers.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "libquant/core/error.h"
#include "tests/support/catch.h"

namespace {

using libquant::parse_letter;

std::optional<std::size_t> letter(char c) { return static_cast<std::size_t>(c - 'A'); }

}  // namespace

TEST_CASE("the study's parser reads what its rules say, in their order", "[scoring]") {
  CHECK(parse_letter(" b\n", 3) == letter('B'));
  CHECK(parse_letter("(C) because", 3) == letter('C'));
  CHECK(parse_letter("A. The man", 3) == letter('A'));
  CHECK(parse_letter("c)", 3) == letter('C'));
  CHECK(parse_letter("The answer is B", 3) == letter('B'));
  CHECK(parse_letter("I would pick (C)", 3) == letter('C'));
  CHECK(parse_letter("answer: hmm", 3) == letter('A'));  // no letter follows: first of the text
  CHECK(parse_letter("", 3) == std::nullopt);
  CHECK(parse_letter("Either, surely", 3) == std::nullopt);
  CHECK(parse_letter("D", 3) == std::nullopt);
  CHECK(parse_letter("D", 4) == letter('D'));
  CHECK_THROWS_AS(parse_letter("A", 0), libquant::InvalidArgument);
}

TEST_CASE("the study's parser has the study's defects", "[scoring]") {
  CHECK(parse_letter("A person did", 3) == letter('A'));
  CHECK(parse_letter("Cannot be determined", 3) == letter('C'));
}
