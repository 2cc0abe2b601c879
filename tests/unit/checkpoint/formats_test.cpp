#include "libquant/checkpoint/formats.h"

#include <fmt/format.h>

#include <string>

#include "libquant/core/error.h"
#include "tests/support/files.h"
#include "tests/support/paths.h"
#include "tests/support/schemes.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

// Bits per weight of one matrix, parameters included: what the table of docs/formats.md says.
double bits_per_weight(Format format, const Scheme& scheme) {
  const double bits = scheme.bits;
  const double group = scheme.group_size == 0 ? 4096 : static_cast<double>(scheme.group_size);
  if (format == Format::gguf) return bits + (scheme.zero == ZeroKind::minimum ? 32 : 16) / 32.0;
  const bool zeros = format != Format::compressed_tensors || scheme.zero != ZeroKind::symmetric;
  return bits + (16 + (zeros ? bits : 0)) / group;
}

// "4.50 / 4.25 / 4.13 / 4.00" for groups of 32, 64, 128 and whole rows.
std::string cell(Format format, int bits, ZeroKind zero) {
  std::string text;
  bool held = false;
  for (const std::size_t group : test_support::kAllGroups) {
    const Scheme scheme = adapt(format, {bits, group, zero, ScaleType::f16, 0});
    const bool holds = why_not(format, scheme, 4096, 4096).empty();
    held = held || holds;
    if (!text.empty()) text += " / ";
    text += holds ? fmt::format("{:.2f}", bits_per_weight(format, scheme)) : "-";
  }
  if (!held) return "-";
  if (format == Format::gguf)
    text += zero == ZeroKind::minimum ? " (Q4_1)" : bits == 4 ? " (Q4_0)" : " (Q8_0)";
  return text;
}

// The table between the markers in docs/formats.md.
std::string table() {
  constexpr Format kPacking[] = {Format::compressed_tensors, Format::gptq, Format::gptq_v2,
                                 Format::gguf};
  std::string text = "| bits | grid |";
  for (const Format format : kPacking) text += fmt::format(" {} |", to_string(format));
  text += "\n|---|---|---|---|---|---|\n";
  for (const int bits : test_support::kAllBits)
    for (const ZeroKind zero : test_support::kAllZeros) {
      text += fmt::format("| {} | {} |", bits, to_string(zero));
      for (const Format format : kPacking) text += fmt::format(" {} |", cell(format, bits, zero));
      text += "\n";
    }
  return text;
}

}  // namespace

TEST_CASE("the table of docs/formats.md says what why_not says", "[checkpoint]") {
  const std::string file = test_folder() + "/../docs/formats.md";
  const std::string text = read_file(file);
  const std::string begin = "<!-- table of formats: tests/unit/checkpoint/formats_test.cpp -->\n";
  const std::size_t at = text.find(begin);
  REQUIRE(at != std::string::npos);
  const std::size_t end = text.find("<!-- end of table -->", at);
  REQUIRE(end != std::string::npos);
  const std::string expected = table();
  const bool current = text.substr(at + begin.size(), end - at - begin.size()) == expected;
  const auto fresh = std::filesystem::temp_directory_path() / "libquant-formats-table.md";
  if (!current) write_file(fresh, expected);
  INFO("put " << fresh << " between the markers of docs/formats.md");
  CHECK(current);
}

TEST_CASE("what a format cannot hold is refused with the formats that can", "[checkpoint]") {
  const auto reason = [](Format format, Scheme scheme) {
    return why_not(format, adapt(format, scheme), 128, 128);
  };
  const Scheme five{5, 64, ZeroKind::symmetric, ScaleType::f16, 0};
  check_mentions(reason(Format::gptq, five), {"not 5", "held by compressed-tensors"});
  check_mentions(reason(Format::gguf, five), {"not 5", "held by compressed-tensors"});
  const Scheme minimum{4, 32, ZeroKind::minimum, ScaleType::f16, 0};
  check_mentions(reason(Format::compressed_tensors, minimum),
                 {"no float minimums", "held by gguf"});
  check_mentions(reason(Format::gptq_v2, minimum), {"no float minimums", "held by gguf"});
  const Scheme asymmetric{4, 32, ZeroKind::asymmetric, ScaleType::f16, 0};
  check_mentions(reason(Format::gguf, asymmetric),
                 {"no f16 number", "held by compressed-tensors, gptq, gptq_v2"});
  const Scheme lost{3, 32, ZeroKind::minimum, ScaleType::f16, 0};
  check_mentions(reason(Format::gguf, lost), {"Q4_1", "no format holds it"});
  check_mentions(reason(Format::safetensors, {}), {"store values, no codes"});
}

TEST_CASE("sizes that do not fill words, blocks or groups are refused", "[checkpoint]") {
  const Scheme scheme{3, 0, ZeroKind::symmetric, ScaleType::f16, 0};
  CHECK(why_not(Format::gptq, scheme, 32, 96).empty());
  check_mentions(why_not(Format::gptq, scheme, 33, 96), {"33 x 96", "whole 32-bit words"});
  check_mentions(why_not(Format::gptq, scheme, 32, 97), {"32 x 97"});
  CHECK(why_not(Format::compressed_tensors, scheme, 33, 97).empty());
  const Scheme row{4, 0, ZeroKind::symmetric, ScaleType::f16, 0};
  CHECK(why_not(Format::gguf, row, 33, 96).empty());
  check_mentions(why_not(Format::gguf, row, 33, 100), {"blocks of 32", "100"});
  for (const Format format : {Format::compressed_tensors, Format::gptq, Format::gguf})
    check_mentions(why_not(format, {}, 64, 96), {"groups of 64 do not divide 96"});
}

TEST_CASE("adapting sets what a format fixes and nothing else", "[checkpoint]") {
  const Scheme scheme{3, 128, ZeroKind::asymmetric, ScaleType::f32, 0};
  CHECK(adapt(Format::gptq, scheme) == Scheme{3, 128, ZeroKind::asymmetric, ScaleType::f16, 1});
  CHECK(adapt(Format::gptq_v2, scheme) == Scheme{3, 128, ZeroKind::asymmetric, ScaleType::f16, 0});
  CHECK(adapt(Format::compressed_tensors, scheme).scale_type == ScaleType::bf16);
  CHECK(adapt(Format::compressed_tensors, scheme, DType::f16).scale_type == ScaleType::f16);
  CHECK(adapt(Format::compressed_tensors, scheme, DType::f32).scale_type == ScaleType::f32);
  Scheme symmetric = scheme;
  symmetric.zero = ZeroKind::symmetric;
  CHECK(adapt(Format::gptq, symmetric).zero_min == 0);
  // Without adapting, the reason says what is wrong.
  check_mentions(why_not(Format::gptq, {4, 64, ZeroKind::asymmetric, ScaleType::f16, 0}, 64, 64),
                 {"zero - 1"});
  check_mentions(why_not(Format::gguf, {4, 64, ZeroKind::symmetric, ScaleType::bf16, 0}, 64, 64),
                 {"f16 scales, not bf16"});
}

TEST_CASE("formats are named alike in both directions", "[checkpoint]") {
  for (const Format format : formats()) CHECK(format_from(to_string(format)) == format);
  check_mentions(message_of<InvalidArgument>([] { format_from("awq"); }),
                 {"awq", "compressed-tensors, gptq, gptq_v2, gguf, safetensors"});
}
