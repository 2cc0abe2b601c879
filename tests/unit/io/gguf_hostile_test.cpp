#include <functional>

#include "libquant/core/error.h"
#include "libquant/io/gguf.h"
#include "libquant/io/gguf_parse.h"
#include "tests/support/files.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

constexpr std::uint64_t kHuge = std::uint64_t{1} << 63;

// A GGUF file written without any check: one metadata key and one tensor, every part replaceable.
struct Raw {
  struct Tensor {
    std::string name = "w";
    std::vector<std::uint64_t> dims{3, 2};  // fastest first: 2 x 3
    std::uint32_t type = 0;                 // F32
    std::uint64_t offset = 0;
    std::uint64_t name_length = ~std::uint64_t{0};  // the name's own unless set
  };
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::uint64_t tensor_count = ~std::uint64_t{0};  // the list's own unless set
  std::uint64_t key_count = 1;
  std::string keys = value("k", kWireU32, Bytes().add(std::uint32_t{7}).str());
  std::vector<Tensor> tensors{Tensor{}};
  std::size_t data_bytes = 24;

  static std::string text(std::string_view content) {
    return Bytes().add(std::uint64_t{content.size()}).text(content).str();
  }
  static std::string value(std::string_view key, std::uint32_t wire, std::string_view raw) {
    return Bytes().text(text(key)).add(wire).text(raw).str();
  }
  static std::string array(std::string_view key, std::uint32_t wire, std::uint64_t count,
                           std::string_view raw) {
    return value(key, kWireArray, Bytes().add(wire).add(count).text(raw).str());
  }

  std::string header() const {
    Bytes out;
    out.text(magic).add(version);
    out.add(tensor_count == ~std::uint64_t{0} ? tensors.size() : tensor_count).add(key_count);
    out.text(keys);
    for (const Tensor& tensor : tensors) {
      out.add(tensor.name_length == ~std::uint64_t{0} ? tensor.name.size() : tensor.name_length);
      out.text(tensor.name).add(static_cast<std::uint32_t>(tensor.dims.size()));
      for (const std::uint64_t dim : tensor.dims) out.add(dim);
      out.add(tensor.type).add(tensor.offset);
    }
    return out.str();
  }
  std::string str(std::size_t alignment = 32) const {
    const std::string head = header();
    return Bytes()
        .text(head)
        .zeros((alignment - head.size() % alignment) % alignment)
        .zeros(data_bytes)
        .str();
  }
};

GgufContents parse(std::string_view content) {
  const auto bytes = to_bytes(content);
  return parse_gguf(bytes, "a.gguf");
}

// The file is read as it is and refused after `change`.
template <typename E = FormatError>
void check_refused(const std::function<void(Raw&)>& change,
                   const std::vector<std::string>& mentions) {
  Raw raw;
  CHECK(parse(raw.str()).tensors.size() == 1);
  change(raw);
  const std::string message = message_of<E>([&] { parse(raw.str()); });
  check_mentions(message, {"a.gguf"});
  check_mentions(message, mentions);
}

void check_key_refused(std::string keys, const std::vector<std::string>& mentions,
                       std::uint64_t count = 1) {
  check_refused(
      [&](Raw& raw) {
        raw.keys = std::move(keys);
        raw.key_count = count;
      },
      mentions);
}

}  // namespace

TEST_CASE("a GGUF file that ends early is refused wherever it ends", "[io]") {
  Raw raw;
  raw.keys += Raw::array("s", kWireString, 2, Raw::text("ab") + Raw::text("c"));
  raw.keys += Raw::value("b", kWireBool, "\x01") + Raw::value("t", kWireString, Raw::text("xy"));
  raw.key_count = 4;
  const std::string content = raw.str();
  CHECK(parse(content).metadata.entries.size() == 4);
  for (std::size_t size = 0; size < content.size(); ++size) {
    INFO(size);
    CHECK_THROWS_AS(parse(content.substr(0, size)), FormatError);
  }
  CHECK(parse(content + "trailing").tensors.size() == 1);
}

TEST_CASE("GGUF versions 2 and 3 are read, others are named", "[io]") {
  Raw old;
  old.version = 2;
  CHECK(parse(old.str()).tensors[0].shape == std::vector<std::size_t>{2, 3});
  check_refused<NotSupported>([](Raw& raw) { raw.version = 1; }, {"version 2 or 3, found 1"});
  check_refused<NotSupported>([](Raw& raw) { raw.version = 4; }, {"found 4"});
  check_refused<NotSupported>([](Raw& raw) { raw.version = 0x03000000; }, {"big-endian"});
  check_refused([](Raw& raw) { raw.magic = "GGML"; }, {"not a GGUF file", "\"GGML\""});
  check_refused([](Raw& raw) { raw.magic = "\x1b[2J"; }, {"\\x1b[2J"});
}

TEST_CASE("GGUF counts beyond the file are refused before anything is allocated", "[io]") {
  for (const std::uint64_t count :
       {kHuge, ~std::uint64_t{0} - 1, kHuge / 24 + 1, std::uint64_t{1000}}) {
    check_refused([&](Raw& raw) { raw.tensor_count = count; },
                  {"number of tensors is " + std::to_string(count), "hold at most"});
    check_refused([&](Raw& raw) { raw.key_count = count; },
                  {"number of metadata entries is " + std::to_string(count)});
  }
  const std::uint64_t array_length = std::uint64_t{1} << 60;
  for (const std::uint32_t wire :
       {kWireU8, kWireI16, kWireF32, kWireBool, kWireString, kWireU64, kWireF64})
    check_key_refused(Raw::array("long", wire, array_length, ""),
                      {"number of elements of metadata key long", std::to_string(array_length)});
  check_key_refused(Raw::array("long", kWireU64, ~std::uint64_t{0} / 8 + 2, ""), {"key long"});
  check_key_refused(Raw::value("s", kWireString, Bytes().add(kHuge).text("x").str()),
                    {"key s", std::to_string(kHuge), "does not fit"});
  check_key_refused(Bytes().add(kHuge).text("key").str(), {"metadata key 1 of 1", "does not fit"});
  check_refused([](Raw& raw) { raw.tensors[0].name_length = ~std::uint64_t{0} - 1; },
                {"name of tensor 1 of 1", "does not fit"});
}

TEST_CASE("GGUF metadata of unknown or impossible kinds is refused by key", "[io]") {
  check_key_refused(Raw::value("odd", 13, ""), {"key odd", "unknown value type 13"});
  check_key_refused(Raw::array("odd", 13, 0, ""), {"key odd", "unknown value type 13"});
  check_key_refused(Raw::value("flag", kWireBool, "\x02"), {"key flag", "boolean", "found 2"});
  check_key_refused(Raw::array("flags", kWireBool, 1, "\x02"), {"key flags", "found 2"});
  check_key_refused(Raw::value("s", kWireString, Raw::text("\xff")), {"key s", "UTF-8", "\\xff"});
  check_key_refused(Raw::array("s", kWireString, 1, Raw::text("\xc3")), {"key s", "UTF-8"});
  check_key_refused(Raw::value("\xed\xa0\x80", kWireBool, std::string(1, '\0')),
                    {"metadata key 1", "UTF-8"});
  const std::string key = Raw::value("same", kWireBool, "\x01");
  check_key_refused(key + key, {"metadata key same occurs twice"}, 2);
  check_refused<NotSupported>([](Raw& raw) { raw.keys = Raw::array("deep", kWireArray, 0, ""); },
                              {"key deep", "arrays of arrays"});
  check_refused<NotSupported>(
      [](Raw& raw) { raw.keys = Raw::value("big", kWireU64, Bytes().add(kHuge).str()); },
      {"key big", "9223372036854775808"});
}

TEST_CASE("GGUF alignments that are no power of two are refused", "[io]") {
  const auto aligned = [](std::uint32_t alignment) {
    return Raw::value("general.alignment", kWireU32, Bytes().add(alignment).str());
  };
  Raw raw;
  raw.keys = aligned(64);
  CHECK(parse(raw.str(64)).tensors.size() == 1);
  for (const std::uint32_t bad : {0u, 3u, 24u, 0xffffffffu})
    check_key_refused(aligned(bad), {"general.alignment", "power of two", std::to_string(bad)});
  check_key_refused(Raw::value("general.alignment", kWireU64, Bytes().add(std::uint64_t{32}).str()),
                    {"general.alignment", "u32"});
  check_key_refused(Raw::value("general.alignment", kWireString, Raw::text("32")),
                    {"general.alignment", "expected an integer, found a string"});
  // The padding up to a huge alignment ends after the file.
  check_key_refused(aligned(0x80000000u), {"tensor w", "end after the 0 bytes"});
}

TEST_CASE("GGUF tensor offsets outside, unaligned or overlapping are refused", "[io]") {
  const auto second = [](Raw& raw, std::uint64_t offset) {
    raw.tensors.push_back(raw.tensors[0]);
    raw.tensors[1].name = "v";
    raw.tensors[1].offset = offset;
    raw.data_bytes = 64;
  };
  Raw both;
  second(both, 32);
  CHECK(parse(both.str()).tensors.size() == 2);
  const auto offset = [](std::uint64_t value) {
    return [value](Raw& raw) { raw.tensors[0].offset = value; };
  };
  check_refused(offset(32), {"tensor w", "24 bytes at offset 32", "the 24 bytes of tensor data"});
  check_refused(offset(4), {"tensor w", "offset 4", "alignment 32"});
  check_refused(offset(kHuge), {"tensor w", std::to_string(kHuge)});
  check_refused(offset(~std::uint64_t{0} - 31), {"tensor w", "18446744073709551584"});
  check_refused([&](Raw& raw) { second(raw, 0); }, {"tensor v", "overlaps tensor w"});
  check_refused(
      [&](Raw& raw) {
        second(raw, 32);
        raw.tensors[0].dims = {3, 3};
      },
      {"tensor v at offset 32 overlaps tensor w (36 bytes at offset 0)"});
  check_refused([](Raw& raw) { raw.data_bytes = 23; }, {"tensor w", "the 23 bytes"});
}

TEST_CASE("GGUF tensors of impossible shapes are refused", "[io]") {
  const auto dims = [](std::vector<std::uint64_t> value, std::uint32_t type = 0) {
    return [=](Raw& raw) {
      raw.tensors[0].dims = value;
      raw.tensors[0].type = type;
    };
  };
  Raw empty;
  dims({0, 5})(empty);
  CHECK(parse(empty.str()).tensors[0].bytes.empty());
  Raw scalar;
  dims({})(scalar);
  CHECK(parse(scalar.str()).tensors[0].elements() == 1);
  check_refused(dims({1, 1, 1, 1, 1}), {"tensor w", "at most 4 dimensions, found 5"});
  check_refused(dims({std::uint64_t{1} << 32, std::uint64_t{1} << 32}),
                {"tensor w", "impossible shape"});
  check_refused(dims({(std::uint64_t{1} << 62) + 6}), {"tensor w", "impossible shape"});
  check_refused(dims({~std::uint64_t{0}}), {"tensor w", "impossible shape [18446744073709551615]"});
  check_refused(dims({~std::uint64_t{0}, 2, 0}), {"tensor w", "impossible shape"});
  check_refused(dims({33, 2}, 2), {"tensor w", "impossible shape [2, 33] for Q4_0 (blocks of 32)"});
  check_refused(dims({128, 2}, 12), {"tensor w", "Q4_K (blocks of 256)"});
  check_refused(dims({3, 3}), {"tensor w", "36 bytes"});
}

TEST_CASE("GGUF tensor types that libquant does not read are named", "[io]") {
  const auto type = [](std::uint32_t value) {
    return [value](Raw& raw) { raw.tensors[0].type = value; };
  };
  check_refused<NotSupported>(type(10), {"tensor w", "Q2_K (number 10) is not supported"});
  check_refused<NotSupported>(type(39), {"tensor w", "MXFP4 (number 39)"});
  check_refused<NotSupported>(type(9), {"Q8_1"});
  check_refused<NotSupported>(type(1000), {"tensor w", "unknown tensor type number 1000"});
  check_refused<NotSupported>(type(0xffffffff), {"4294967295"});
}

TEST_CASE("GGUF tensor names that repeat or are no UTF-8 are refused", "[io]") {
  check_refused(
      [](Raw& raw) {
        raw.tensors.push_back(raw.tensors[0]);
        raw.tensors[1].offset = 32;
        raw.data_bytes = 64;
      },
      {"tensor w occurs twice"});
  check_refused([](Raw& raw) { raw.tensors[0].name = "a\x80"; },
                {"name of tensor 1 of 1", "UTF-8"});
}

TEST_CASE("a malformed GGUF file on disk is named by its path", "[io]") {
  const TemporaryFolder folder;
  write_file(folder / "bad.gguf", "GGUF");
  write_file(folder / "empty.gguf", "");
  write_file(folder / "good.gguf", Raw().str());
  CHECK(GgufFile(folder / "good.gguf").find("w") != nullptr);
  check_mentions(message_of<FormatError>([&] { GgufFile{folder / "bad.gguf"}; }),
                 {(folder / "bad.gguf").string(), "version", "expected 4 bytes, found only 0"});
  CHECK_THROWS_AS(GgufFile(folder / "empty.gguf"), FormatError);
  CHECK_THROWS_AS(GgufFile(folder / "absent.gguf"), Error);
}
