#include <fmt/format.h>

#include <algorithm>

#include "libquant/core/hash.h"
#include "libquant/io/gguf.h"
#include "libquant/io/json.h"
#include "tests/support/files.h"
#include "tests/support/paths.h"
#include "tests/support/real_data.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

std::string joined(const GgufValue& value) {
  if (const auto* integers = std::get_if<GgufValue::Integers>(&value.value))
    return fmt::format("{}", fmt::join(*integers, "\n"));
  return fmt::format("{}", fmt::join(std::get<GgufValue::Strings>(value.value), "\n"));
}

Json scalar(const GgufValue& value) {
  if (const auto* flag = std::get_if<bool>(&value.value)) return *flag;
  if (const auto* integer = std::get_if<std::int64_t>(&value.value)) return *integer;
  if (const auto* number = std::get_if<double>(&value.value)) return *number;
  return std::get<std::string>(value.value);
}

}  // namespace

TEST_CASE("the demonstration model reads as ggml's Python package reads it, to the last bit",
          "[io]") {
  const auto path = demonstration_model();
  if (!path) return;
  const Json want =
      Json::parse_file(std::filesystem::path(test_folder()) / "golden" / "io" / "smollm2.json");
  const GgufFile file(*path);

  const auto& keys = want.at("keys").as_array("keys");
  REQUIRE(file.metadata().entries.size() == keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto& [key, value] = file.metadata().entries[i];
    CHECK(key == keys[i].as_string("key"));
    if (const Json* expected = want.at("scalars").find(key)) {
      CHECK(scalar(value).dump() == expected->dump());
    } else {
      const auto& array = want.at("arrays").at(key).as_array(key);
      const std::string text = joined(value);
      CHECK(hash_hex(std::as_bytes(std::span(text))) == array[1].as_string("hash"));
    }
  }

  const auto& tensors = want.at("tensors").as_array("tensors");
  REQUIRE(file.tensors().size() == tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const StoredTensor& tensor = file.tensors()[i];
    const auto& row = tensors[i].as_array("tensor");
    INFO(tensor.name);
    CHECK(tensor.name == row[0].as_string("name"));
    CHECK(to_string(tensor.dtype) == row[1].as_string("type"));
    Json::Array shape;
    for (const std::size_t extent : tensor.shape) shape.emplace_back(extent);
    CHECK(Json(shape) == row[2]);
    Matrix values(tensor.rows(), tensor.cols());
    decode_rows(tensor, 0, values);
    CHECK(hash_hex(std::as_bytes(std::span(values.data(), values.size()))) ==
          row[3].as_string("hash"));
    CHECK(file.find(tensor.name) == &tensor);
  }
}

TEST_CASE("the demonstration model written again from what was read is the same file", "[io]") {
  const auto path = demonstration_model();
  if (!path) return;
  const TemporaryFolder folder;
  const GgufFile file(*path);
  std::vector<GgufWriter::Entry> entries;
  for (const StoredTensor& tensor : file.tensors())
    entries.push_back({tensor.name, tensor.dtype, tensor.shape});
  GgufWriter writer(folder / "copy.gguf", file.metadata(), entries);
  for (const StoredTensor& tensor : file.tensors()) writer.append(tensor.bytes);
  writer.commit();
  const MappedFile copy(folder / "copy.gguf");
  CHECK(std::ranges::equal(copy.bytes(), file.file().bytes()));
}
