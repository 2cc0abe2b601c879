#include "libquant/io/gguf.h"

#include <cmath>
#include <limits>

#include "libquant/core/error.h"
#include "libquant/io/bytes.h"
#include "libquant/io/gguf_parse.h"
#include "tests/support/files.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

std::vector<std::byte> counting(std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i + 1);
  return bytes;
}

GgufMetadata every_kind() {
  GgufMetadata metadata;
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  const auto integer = [&](const char* key, std::int64_t value, std::uint32_t wire) {
    metadata.set(key, {value, wire, 0});
  };
  integer("u8", 255, kWireU8);
  integer("i8", -128, kWireI8);
  integer("u16", 65535, kWireU16);
  integer("i16", -32768, kWireI16);
  metadata.set("u32", GgufValue::u32(4294967295));
  integer("i32", -2147483648, kWireI32);
  integer("u64", kMax, kWireU64);
  integer("i64", kMin, kWireI64);
  metadata.set("f32", GgufValue::f32(0.1f));
  metadata.set("f64", {0.1, kWireF64, 0});
  metadata.set("bool", GgufValue::boolean(true));
  metadata.set("string", GgufValue::string("\xe2\x82\xac and \"quotes\""));
  metadata.set("empty", GgufValue::string(""));
  metadata.set("i32s", GgufValue::i32_array({1, -2, 3}));
  metadata.set("u8s", {GgufValue::Integers{0, 255}, kWireArray, kWireU8});
  metadata.set("bools", {GgufValue::Integers{0, 1}, kWireArray, kWireBool});
  metadata.set("i64s", {GgufValue::Integers{kMin, kMax}, kWireArray, kWireI64});
  metadata.set("f32s", GgufValue::f32_array({0.5, -INFINITY}));
  metadata.set("f64s", {GgufValue::Floats{0.1}, kWireArray, kWireF64});
  metadata.set("strings", GgufValue::string_array({"a", "", "\xc3\xa9"}));
  metadata.set("no strings", GgufValue::string_array({}));
  metadata.set("no floats", GgufValue::f32_array({}));
  return metadata;
}

}  // namespace

TEST_CASE("a small GGUF file has exactly these bytes", "[io]") {
  const TemporaryFolder folder;
  GgufMetadata metadata;
  metadata.set("a", GgufValue::string("xyz"));
  metadata.set("n", GgufValue::u32(7));
  metadata.set("l", GgufValue::i32_array({-1}));
  GgufWriter writer(folder / "a.gguf", metadata,
                    {{"w", DType::f32, {2, 3}}, {"q", DType::q8_0, {32}}});
  const auto bytes = counting(24 + 34);
  writer.append(std::span(bytes).first(24));
  writer.append(std::span(bytes).subspan(24));
  writer.commit();

  const auto u32 = [](unsigned value) { return static_cast<std::uint32_t>(value); };
  const auto u64 = [](unsigned value) { return static_cast<std::uint64_t>(value); };
  Bytes want;
  want.text("GGUF").add(u32(3)).add(u64(2)).add(u64(3));
  want.add(u64(1)).text("a").add(u32(8)).add(u64(3)).text("xyz");
  want.add(u64(1)).text("n").add(u32(4)).add(u32(7));
  want.add(u64(1)).text("l").add(u32(9)).add(u32(5)).add(u64(1)).add(std::int32_t{-1});
  want.add(u64(1)).text("w").add(u32(2)).add(u64(3)).add(u64(2)).add(u32(0)).add(u64(0));
  want.add(u64(1)).text("q").add(u32(1)).add(u64(32)).add(u32(8)).add(u64(32));
  REQUIRE(want.str().size() == 168);
  want.zeros(24);
  want.text(as_text(bytes).substr(0, 24)).zeros(8).text(as_text(bytes).substr(24)).zeros(30);
  CHECK(read_file(folder / "a.gguf") == want.str());
}

TEST_CASE("a GGUF file gives back metadata of every kind, with its type numbers", "[io]") {
  const TemporaryFolder folder;
  const GgufMetadata metadata = every_kind();
  GgufWriter(folder / "a.gguf", metadata, {}).commit();
  const GgufFile file(folder / "a.gguf");
  REQUIRE(file.metadata().entries.size() == metadata.entries.size());
  for (std::size_t i = 0; i < metadata.entries.size(); ++i) {
    INFO(metadata.entries[i].first);
    CHECK(file.metadata().entries[i] == metadata.entries[i]);
  }
  CHECK(file.tensors().empty());
  // Written again from what was read, it is the same file.
  GgufWriter(folder / "b.gguf", file.metadata(), {}).commit();
  CHECK(read_file(folder / "b.gguf") == read_file(folder / "a.gguf"));
}

TEST_CASE("a GGUF file gives back tensors of every type, at the alignment that it names", "[io]") {
  for (const std::uint32_t alignment : {0u, 1u, 8u, 256u}) {
    INFO("alignment " << alignment);
    const TemporaryFolder folder;
    GgufMetadata metadata;
    if (alignment != 0) metadata.set("general.alignment", GgufValue::u32(alignment));
    const std::vector<GgufWriter::Entry> entries{
        {"f64", DType::f64, {1}},       {"f32", DType::f32, {2, 1, 3}},
        {"f16", DType::f16, {3}},       {"bf16", DType::bf16, {1, 2}},
        {"i64", DType::i64, {1}},       {"i32", DType::i32, {1, 1, 1, 1}},
        {"i16", DType::i16, {1}},       {"i8", DType::i8, {5}},
        {"none", DType::f32, {0, 4}},   {"q4_0", DType::q4_0, {2, 32}},
        {"q4_1", DType::q4_1, {64}},    {"q5_0", DType::q5_0, {32}},
        {"q5_1", DType::q5_1, {32}},    {"q8_0", DType::q8_0, {32}},
        {"q4_k", DType::q4_k, {256}},   {"q5_k", DType::q5_k, {256}},
        {"q6_k", DType::q6_k, {3, 256}}};
    GgufWriter writer(folder / "a.gguf", metadata, entries);
    std::string all;
    for (const auto& entry : entries) {
      const StoredTensor shape{"", entry.dtype, entry.shape, {}};
      const DTypeTraits& type = traits(entry.dtype);
      const auto bytes = counting(shape.elements() / type.block_elements * type.block_bytes);
      for (std::size_t at = 0; at < bytes.size(); at += 100)
        writer.append(std::span(bytes).subspan(at, std::min<std::size_t>(100, bytes.size() - at)));
      all += as_text(bytes);
    }
    writer.commit();

    const GgufFile file(folder / "a.gguf");
    REQUIRE(file.tensors().size() == entries.size());
    std::string read;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const StoredTensor& tensor = file.tensors()[i];
      CHECK(tensor.name == entries[i].name);
      CHECK(tensor.dtype == entries[i].dtype);
      CHECK(tensor.shape == entries[i].shape);
      CHECK(file.find(tensor.name) == &tensor);
      const auto offset = tensor.bytes.data() - file.file().bytes().data();
      CHECK(offset % std::max<std::ptrdiff_t>(alignment == 0 ? 32 : alignment, 1) == 0);
      read += as_text(tensor.bytes);
    }
    CHECK(read == all);
    CHECK(file.find("absent") == nullptr);
  }
}

TEST_CASE("metadata look-ups give nothing for absent keys and refuse other types by name", "[io]") {
  GgufMetadata metadata = every_kind();
  metadata.source = "a.gguf";
  CHECK(metadata.integer("u32") == 4294967295);
  CHECK(metadata.number("f32") == double{0.1f});
  CHECK(metadata.number("i8") == -128.0);
  CHECK(metadata.boolean("bool") == true);
  CHECK(*metadata.string("empty") == "");
  CHECK(*metadata.integers("i32s") == GgufValue::Integers{1, -2, 3});
  CHECK(metadata.floats("f64s")->at(0) == 0.1);
  CHECK(metadata.strings("strings")->size() == 3);
  CHECK_FALSE(metadata.integer("absent").has_value());
  CHECK_FALSE(metadata.number("absent").has_value());
  CHECK_FALSE(metadata.boolean("absent").has_value());
  CHECK(metadata.string("absent") == nullptr);
  CHECK(metadata.integers("absent") == nullptr);
  CHECK(metadata.floats("absent") == nullptr);
  CHECK(metadata.strings("absent") == nullptr);
  check_mentions(message_of<FormatError>([&] { metadata.integer("f32"); }),
                 {"a.gguf: key f32: expected an integer, found a number"});
  CHECK_THROWS_AS(metadata.number("string"), FormatError);
  CHECK_THROWS_AS(metadata.boolean("u8"), FormatError);
  CHECK_THROWS_AS(metadata.string("strings"), FormatError);
  CHECK_THROWS_AS(metadata.integers("f32s"), FormatError);
  CHECK_THROWS_AS(metadata.floats("i32s"), FormatError);
  CHECK_THROWS_AS(metadata.strings("string"), FormatError);
  metadata.set("u32", GgufValue::u32(1));
  CHECK(metadata.integer("u32") == 1);
  CHECK(metadata.entries.size() == every_kind().entries.size());
}

TEST_CASE("a GGUF writer refuses metadata that does not fit its type number", "[io]") {
  const TemporaryFolder folder;
  const auto refused = [&](GgufValue value) {
    GgufMetadata metadata;
    metadata.set("some.key", std::move(value));
    const std::string message =
        message_of<InvalidArgument>([&] { GgufWriter(folder / "a", metadata, {}).commit(); });
    check_mentions(message, {"some.key"});
  };
  refused({std::int64_t{256}, kWireU8, 0});
  refused({std::int64_t{-1}, kWireU64, 0});
  refused({std::int64_t{128}, kWireI8, 0});
  refused({std::int64_t{1}, kWireF32, 0});
  refused({std::int64_t{1}, kWireBool, 0});
  refused({std::int64_t{1}, 13, 0});
  refused({true, kWireU8, 0});
  refused({0.5, kWireU32, 0});
  refused({1e300, kWireF32, 0});
  refused({std::string("x"), kWireArray, 0});
  refused({std::string("\xff"), kWireString, 0});
  refused({GgufValue::Integers{1}, kWireI32, kWireI32});
  refused({GgufValue::Integers{2}, kWireArray, kWireBool});
  refused({GgufValue::Integers{1}, kWireArray, kWireArray});
  refused({GgufValue::Integers{}, kWireArray, kWireString});
  refused({GgufValue::Strings{"a"}, kWireArray, kWireI32});
  refused({GgufValue::Floats{1}, kWireArray, kWireI32});
  GgufMetadata twice;
  twice.entries = {{"k", GgufValue::u32(1)}, {"k", GgufValue::u32(1)}};
  CHECK_THROWS_AS(GgufWriter(folder / "a", twice, {}), InvalidArgument);
  GgufMetadata alignment;
  alignment.set("general.alignment", GgufValue::u32(24));
  CHECK_THROWS_AS(GgufWriter(folder / "a", alignment, {}), FormatError);
  CHECK(folder.names().empty());
}

TEST_CASE("a GGUF writer refuses tensors that llama.cpp would refuse", "[io]") {
  const TemporaryFolder folder;
  const auto refused = [&](std::vector<GgufWriter::Entry> entries,
                           const std::vector<std::string>& mentions) {
    check_mentions(
        message_of<InvalidArgument>([&] { GgufWriter(folder / "a", {}, entries).commit(); }),
        mentions);
  };
  refused({{"w", DType::u8, {1}}}, {"tensor w", "U8"});
  refused({{"w", DType::boolean, {1}}}, {"tensor w", "BOOL"});
  refused({{"w", DType::q4_0, {33}}}, {"tensor w", "[33]", "Q4_0", "blocks of 32"});
  refused({{"w", DType::f32, {}}}, {"tensor w", "found 0"});
  refused({{"w", DType::f32, {1, 1, 1, 1, 1}}}, {"tensor w", "found 5"});
  refused({{"w", DType::f32, {std::size_t{1} << 62}}}, {"tensor w", "impossible shape"});
  refused({{"w", DType::i8, {std::size_t{1} << 61}}, {"v", DType::i8, {std::size_t{1} << 61}}},
          {"tensor v", "too large"});
  refused({{std::string(64, 'n'), DType::f32, {1}}}, {"1 to 63 bytes, found 64"});
  refused({{"", DType::f32, {1}}}, {"found 0"});
  refused({{"\xc3", DType::f32, {1}}}, {"UTF-8"});
  refused({{"w", DType::f32, {1}}, {"w", DType::f32, {1}}}, {"tensor w", "twice"});
  CHECK(folder.names().empty());
  const std::vector<std::byte> one(4);
  GgufWriter writer(folder / "a", {}, {{std::string(63, 'n'), DType::f32, {1}}});
  check_mentions(message_of<InvalidArgument>([&] { writer.commit(); }), {"only 0 of 4"});
  writer.append(one);
  check_mentions(message_of<InvalidArgument>([&] { writer.append(one); }), {"after the last"});
  writer.commit();
  CHECK(GgufFile(folder / "a").tensors().size() == 1);
}
