#include "libquant/io/safetensors.h"

#include "libquant/core/error.h"
#include "libquant/io/bytes.h"
#include "tests/support/files.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

std::vector<std::byte> counting(std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i + 1);
  return bytes;
}

}  // namespace

TEST_CASE("a small safetensors file has exactly these bytes", "[io]") {
  const TemporaryFolder folder;
  SafetensorsWriter writer(folder / "a.safetensors",
                           {{"w", DType::f32, {1, 2}}, {"b", DType::i8, {3}}}, {{"format", "pt"}});
  const auto bytes = counting(11);
  writer.append(std::span(bytes).first(8));
  writer.append(std::span(bytes).subspan(8));
  writer.commit();
  std::string header = R"({"__metadata__": {"format": "pt"}, )"
                       R"("w": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}, )"
                       R"("b": {"dtype": "I8", "shape": [3], "data_offsets": [8, 11]}})";
  REQUIRE(header.size() == 159);
  header.append(192 - 8 - header.size(), ' ');
  Bytes want;
  want.add(std::uint64_t{184}).text(header).text(as_text(bytes));
  CHECK(read_file(folder / "a.safetensors") == want.str());
}

TEST_CASE("a safetensors file gives back names, types, shapes, bytes and metadata", "[io]") {
  const TemporaryFolder folder;
  const std::vector<SafetensorsWriter::Entry> entries{{"double", DType::f64, {2}},
                                                      {"long", DType::i64, {1}},
                                                      {"float", DType::f32, {2, 1, 3}},
                                                      {"int", DType::i32, {1, 1}},
                                                      {"scalar", DType::f32, {}},
                                                      {"half", DType::f16, {3}},
                                                      {"brain", DType::bf16, {1, 2}},
                                                      {"short", DType::i16, {1}},
                                                      {"empty", DType::f16, {0, 4}},
                                                      {"byte", DType::u8, {5}},
                                                      {"char \"\xc3\xa9\"\n", DType::i8, {1}},
                                                      {"bool", DType::boolean, {2}}};
  const std::map<std::string, std::string> metadata{{"format", "pt"},
                                                    {"note", "\xe2\x82\xac \"q\""}};
  SafetensorsWriter writer(folder / "a.safetensors", entries, metadata);
  std::string all;
  for (const auto& entry : entries) {
    const StoredTensor shape{"", entry.dtype, entry.shape, {}};
    const auto bytes = counting(shape.elements() * traits(entry.dtype).block_bytes);
    for (std::size_t at = 0; at < bytes.size(); at += 3)
      writer.append(std::span(bytes).subspan(at, std::min<std::size_t>(3, bytes.size() - at)));
    all += as_text(bytes);
  }
  writer.commit();

  const SafetensorsFile file(folder / "a.safetensors");
  CHECK(file.metadata() == metadata);
  REQUIRE(file.tensors().size() == entries.size());
  std::string read;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const StoredTensor& tensor = file.tensors()[i];
    CHECK(tensor.name == entries[i].name);
    CHECK(tensor.dtype == entries[i].dtype);
    CHECK(tensor.shape == entries[i].shape);
    CHECK(file.find(entries[i].name) == &tensor);
    read += as_text(tensor.bytes);
  }
  CHECK(read == all);
  CHECK(file.find("absent") == nullptr);
  const auto data = file.tensors()[0].bytes.data() - file.file().bytes().data();
  CHECK(data % 64 == 0);
}

TEST_CASE("safetensors files without tensors or metadata are valid", "[io]") {
  const TemporaryFolder folder;
  SafetensorsWriter(folder / "none", {}, {}).commit();
  const SafetensorsFile file(folder / "none");
  CHECK(file.tensors().empty());
  CHECK(file.metadata().empty());
}

TEST_CASE("a safetensors writer refuses what its readers would refuse", "[io]") {
  const TemporaryFolder folder;
  const auto refused = [&](std::vector<SafetensorsWriter::Entry> entries) {
    return message_of<InvalidArgument>(
        [&] { SafetensorsWriter(folder / "a", entries, {}).commit(); });
  };
  check_mentions(refused({{"w", DType::q4_0, {32}}}), {"tensor w", "Q4_0"});
  check_mentions(refused({{"w", DType::f32, {1}}, {"w", DType::f32, {1}}}), {"tensor w", "twice"});
  check_mentions(refused({{"b", DType::u8, {3}}, {"w", DType::f32, {1}}}),
                 {"tensor w", "byte 3", "falling element size"});
  check_mentions(refused({{"w", DType::f32, {std::size_t{1} << 40, std::size_t{1} << 40}}}),
                 {"tensor w", "too large"});
  check_mentions(
      refused({{"w", DType::u8, {std::size_t{1} << 62}}, {"v", DType::u8, {std::size_t{1} << 62}}}),
      {"tensor v", "too large"});
  check_mentions(refused({{"__metadata__", DType::u8, {0}}}), {"__metadata__", "reserves"});
  check_mentions(refused({{"\xff", DType::u8, {0}}}), {"UTF-8"});
  CHECK(folder.names().empty());
}

TEST_CASE("a safetensors writer takes each tensor's bytes, no more and no less", "[io]") {
  const TemporaryFolder folder;
  const auto bytes = counting(9);
  {
    SafetensorsWriter writer(folder / "a", {{"w", DType::f32, {2}}, {"v", DType::u8, {1}}}, {});
    check_mentions(message_of<InvalidArgument>([&] { writer.append(bytes); }),
                   {"tensor w", "expected 8 more bytes, found 9"});
    writer.append(std::span(bytes).first(7));
    check_mentions(message_of<InvalidArgument>([&] { writer.commit(); }),
                   {"tensor w", "only 7 of 8 bytes"});
    writer.append(std::span(bytes).first(1));
    check_mentions(message_of<InvalidArgument>([&] { writer.commit(); }), {"tensor v"});
  }
  CHECK(folder.names().empty());
  SafetensorsWriter writer(folder / "a", {{"v", DType::u8, {1}}}, {});
  writer.append(std::span(bytes).first(1));
  writer.append({});
  check_mentions(message_of<InvalidArgument>([&] { writer.append(bytes); }), {"after the last"});
}

TEST_CASE("a container in a missing folder is an error that names it", "[io]") {
  const TemporaryFolder folder;
  check_mentions(
      message_of<Error>([&] { SafetensorsWriter(folder / "none/a.safetensors", {}, {}); }),
      {(folder / "none/a.safetensors").string(), "No such file or directory"});
}
