#include <fmt/format.h>

#include "libquant/core/error.h"
#include "libquant/io/safetensors.h"
#include "libquant/io/safetensors_parse.h"
#include "tests/support/files.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

std::string container(std::string_view header, std::size_t data_bytes) {
  return Bytes().add(std::uint64_t{header.size()}).text(header).zeros(data_bytes).str();
}

SafetensorsContents parse(std::string_view content) {
  // Leaked views are never read: only the parse itself is of interest.
  const auto bytes = to_bytes(content);
  return parse_safetensors(bytes, "a.safetensors");
}

template <typename E = FormatError>
void check_refused(std::string_view content, const std::vector<std::string>& mentions) {
  const std::string message = message_of<E>([&] { parse(content); });
  check_mentions(message, {"a.safetensors"});
  check_mentions(message, mentions);
}

// One F32 tensor "w" of shape [2, 3], its parts to be replaced.
struct Entry {
  std::string dtype = "\"F32\"", shape = "[2, 3]", offsets = "[0, 24]", more = "";
  std::string str() const {
    return fmt::format("{{\"w\": {{\"dtype\": {}, \"shape\": {}, \"data_offsets\": {}}}{}}}", dtype,
                       shape, offsets, more);
  }
};

std::string second(std::string_view offsets, std::string_view name = "v") {
  return fmt::format(", \"{}\": {{\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": {}}}", name,
                     offsets);
}

}  // namespace

TEST_CASE("a safetensors file that ends early is refused wherever it ends", "[io]") {
  const std::string content = container(Entry().str(), 24);
  CHECK(parse(content).tensors.size() == 1);
  for (std::size_t size = 0; size < content.size(); ++size) {
    INFO(size);
    CHECK_THROWS_AS(parse(content.substr(0, size)), FormatError);
  }
  check_refused(content + "x", {"1 bytes of data belong to no tensor"});
}

TEST_CASE("a safetensors header length that cannot be is refused before it is used", "[io]") {
  const auto with_length = [](std::uint64_t length) {
    return Bytes().add(length).text("{}").str();
  };
  CHECK(parse(with_length(2)).tensors.empty());
  check_refused(with_length(3), {"length is 3", "only 2 bytes follow"});
  check_refused(with_length(std::uint64_t{1} << 63), {"9223372036854775808", "only 2 bytes"});
  check_refused(with_length(~std::uint64_t{0}), {"18446744073709551615"});
  check_refused(with_length(~std::uint64_t{0} - 7), {"18446744073709551608"});
  check_refused(with_length(0), {"begins with \"{\""});
  check_refused(container(std::string(100'000'001, ' '), 0), {"at most 100000000"});
}

TEST_CASE("safetensors offsets that reverse, overlap, leave holes or overflow are refused",
          "[io]") {
  Entry entry;
  entry.more = second("[24, 28]");
  CHECK(parse(container(entry.str(), 28)).tensors.size() == 2);
  const auto refused = [&](std::string_view first, std::string_view other, std::size_t size,
                           const std::vector<std::string>& mentions) {
    entry.offsets = first;
    entry.more = second(other);
    check_refused(container(entry.str(), size), mentions);
  };
  refused("[24, 0]", "[24, 28]", 28, {"tensor w", "[24, 0]", "not within the 28 bytes"});
  refused("[0, 24]", "[20, 24]", 28, {"tensor v", "begin at 20, expected 24"});
  refused("[0, 24]", "[25, 29]", 29, {"tensor v", "begin at 25, expected 24"});
  refused("[4, 28]", "[28, 32]", 32, {"tensor w", "begin at 4, expected 0"});
  refused("[0, 24]", "[24, 28]", 27, {"tensor v", "[24, 28]", "not within the 27 bytes"});
  refused("[0, 24]", "[24, 28]", 29, {"1 bytes of data belong to no tensor"});
  refused("[0, 24]", "[0, 4]", 28, {"tensor w", "begin at 0, expected 4"});
  refused("[0, 9223372036854775807]", "[24, 28]", 28, {"tensor w", "9223372036854775807"});
  refused("[0, 18446744073709551615]", "[24, 28]", 28, {"tensor w", "expected an integer"});
  refused("[-8, 16]", "[24, 28]", 28, {"tensor w", "data_offsets", "found -8"});
  refused("[0.0, 24]", "[24, 28]", 28, {"tensor w", "data_offsets", "expected an integer"});
  refused("[0]", "[24, 28]", 28, {"tensor w", "expected 2 numbers, found 1"});
  refused("[0, 24, 24]", "[24, 28]", 28, {"tensor w", "expected 2 numbers, found 3"});
  refused("\"0\"", "[24, 28]", 28,
          {"tensor w", "data_offsets", "expected an array, found a string"});
}

TEST_CASE("safetensors byte counts that differ from dtype times shape are refused", "[io]") {
  const auto refused = [](const char* dtype, const char* shape,
                          const std::vector<std::string>& mentions) {
    Entry entry;
    entry.dtype = fmt::format("\"{}\"", dtype);
    entry.shape = shape;
    check_refused(container(entry.str(), 24), mentions);
  };
  Entry halves;
  halves.dtype = "\"BF16\"";
  halves.shape = "[3, 4]";
  CHECK(parse(container(halves.str(), 24)).tensors[0].shape == std::vector<std::size_t>{3, 4});
  refused("F32", "[2, 4]", {"tensor w", "F32 of shape [2, 4]", "32 bytes", "give 24"});
  refused("F64", "[2, 3]", {"48 bytes"});
  refused("F32", "[]", {"4 bytes"});
  refused("F32", "[0, 6]", {"0 bytes"});
  refused("F32", "[-2, -3]", {"tensor w", "shape", "found -2"});
  refused("F32", "[4294967296, 4294967296]", {"too many bytes"});
  refused("F32", "[4611686018427387910]", {"too many bytes"});  // 4 times it is 24 modulo 2^64
  refused("F32", "[9223372036854775807, 9223372036854775807, 0]", {"too many bytes"});
  refused("F32", "[6.0]", {"tensor w", "shape", "expected an integer"});
  refused("F32", "6", {"tensor w", "shape", "expected an array"});
}

TEST_CASE("safetensors names, dtypes and entries that cannot be are refused", "[io]") {
  const auto header = [](std::string_view text, std::size_t data = 0) {
    return container(text, data);
  };
  Entry twice;
  twice.more = second("[24, 28]", "w");
  check_refused(header(twice.str(), 28), {"duplicate key \"w\""});
  Entry bad_name;
  bad_name.more = second("[24, 28]", "\xff");
  check_refused(header(bad_name.str(), 28), {"UTF-8"});
  Entry unknown;
  unknown.dtype = "\"F33\"";
  check_refused(header(unknown.str(), 24), {"tensor w", "unknown dtype \"F33\""});
  unknown.dtype = "\"Q4_0\"";
  check_refused(header(unknown.str(), 24), {"tensor w", "unknown dtype \"Q4_0\""});
  unknown.dtype = "\"F8_E4M3\"";
  check_refused<NotSupported>(header(unknown.str(), 24), {"tensor w", "F8_E4M3", "not supported"});
  unknown.dtype = "3";
  check_refused(header(unknown.str(), 24), {"tensor w", "dtype", "expected a string"});
  check_refused(header("[]"), {"begins with \"{\""});
  check_refused(header(" {}"), {"begins with \"{\""});
  check_refused(header("{"), {"header", "line 1"});
  check_refused(header(R"({"w": 1})"), {"tensor w", "expected an object, found an integer"});
  check_refused(header(R"({"w": {"shape": [], "data_offsets": [0, 4]}})", 4),
                {"tensor w", "\"dtype\""});
  check_refused(header(R"({"w": {"dtype": "F32", "data_offsets": [0, 4]}})", 4),
                {"tensor w", "\"shape\""});
  check_refused(header(R"({"w": {"dtype": "F32", "shape": []}})", 4),
                {"tensor w", "\"data_offsets\""});
  CHECK(parse(header(R"({"__metadata__": {"a": "b"}})")).metadata.at("a") == "b");
  check_refused(header(R"({"__metadata__": {"a": 1}})"),
                {"__metadata__", "a", "expected a string"});
  check_refused(header(R"({"__metadata__": []})"), {"__metadata__", "expected an object"});
}

TEST_CASE("a malformed safetensors file on disk is named by its path", "[io]") {
  const TemporaryFolder folder;
  write_file(folder / "bad.safetensors", "short");
  check_mentions(message_of<FormatError>([&] { SafetensorsFile{folder / "bad.safetensors"}; }),
                 {(folder / "bad.safetensors").string(), "expected 8 bytes, found only 5"});
  CHECK_THROWS_AS(SafetensorsFile(folder / "absent.safetensors"), Error);
}
