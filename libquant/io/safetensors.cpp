#include "libquant/io/safetensors.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "libquant/core/error.h"
#include "libquant/io/bytes.h"
#include "libquant/io/json.h"
#include "libquant/io/safetensors_parse.h"
#include "libquant/io/tensor_table.h"
#include "libquant/io/text.h"

namespace libquant {
namespace {

// The reference implementation's limit (MAX_HEADER_SIZE).
constexpr std::uint64_t kLargestHeader = 100'000'000;

constexpr std::array kTypes{DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64,
                            DType::i32, DType::i16, DType::i8,  DType::u8,   DType::boolean};
constexpr std::array<std::string_view, 13> kUnsupported{
    "U16",     "U32",     "U64", "F4",        "F6_E2M3",     "F6_E3M2",    "F8_E5M2",
    "F8_E4M3", "F8_E8M0", "C64", "F8_E4M3FN", "F8_E4M3FNUZ", "F8_E5M2FNUZ"};

DType type_from(const std::string& name, std::string_view what) {
  for (const DType type : kTypes)
    if (to_string(type) == name) return type;
  const bool known =
      std::find(kUnsupported.begin(), kUnsupported.end(), name) != kUnsupported.end();
  require<NotSupported>(!known, "{}: dtype {} is not supported", what, name);
  fail<FormatError>("{}: unknown dtype \"{}\"", what, printable(name));
}

std::size_t size_from(const Json& value, std::string_view what) {
  const std::int64_t number = value.as_int(what);
  require<FormatError>(number >= 0, "{}: expected a number of at least 0, found {}", what, number);
  return static_cast<std::size_t>(number);
}

const Json& member(const Json& entry, std::string_view key, std::string_view what) {
  const Json* value = entry.find(key);
  require<FormatError>(value != nullptr, "{}: missing key \"{}\"", what, key);
  return *value;
}

struct Placed {
  StoredTensor tensor;
  std::size_t begin = 0, end = 0;
};

Placed read_entry(const std::string& name, const Json& entry, std::string_view source) {
  const std::string what = fmt::format("{}: tensor {}", source, printable(name));
  entry.as_object(what);
  Placed placed;
  placed.tensor.name = name;
  placed.tensor.dtype = type_from(member(entry, "dtype", what).as_string(what + ": dtype"), what);
  for (const Json& extent : member(entry, "shape", what).as_array(what + ": shape"))
    placed.tensor.shape.push_back(size_from(extent, what + ": shape"));
  const Json::Array& offsets =
      member(entry, "data_offsets", what).as_array(what + ": data_offsets");
  require<FormatError>(offsets.size() == 2, "{}: data_offsets: expected 2 numbers, found {}", what,
                       offsets.size());
  placed.begin = size_from(offsets[0], what + ": data_offsets");
  placed.end = size_from(offsets[1], what + ": data_offsets");
  return placed;
}

void check_place(const Placed& placed, std::size_t expected_begin, std::size_t data_size,
                 std::string_view source) {
  const std::string what = fmt::format("{}: tensor {}", source, printable(placed.tensor.name));
  require<FormatError>(placed.begin <= placed.end && placed.end <= data_size,
                       "{}: data_offsets [{}, {}] are not within the {} bytes of data", what,
                       placed.begin, placed.end, data_size);
  require<FormatError>(placed.begin == expected_begin,
                       "{}: data_offsets begin at {}, expected {}, where the tensor before ends",
                       what, placed.begin, expected_begin);
  const auto size = tensor_bytes(placed.tensor.dtype, placed.tensor.shape);
  require<FormatError>(size == placed.end - placed.begin,
                       "{}: {} of shape [{}] takes {} bytes, but data_offsets give {}", what,
                       to_string(placed.tensor.dtype), fmt::join(placed.tensor.shape, ", "),
                       size ? fmt::to_string(*size) : "too many", placed.end - placed.begin);
}

std::map<std::string, std::string> read_metadata(const Json& value, std::string_view source) {
  std::map<std::string, std::string> metadata;
  const std::string what = fmt::format("{}: {}", source, kSafetensorsMetadataKey);
  for (const auto& [key, text] : value.as_object(what))
    metadata.emplace(key, text.as_string(fmt::format("{}: {}", what, printable(key))));
  return metadata;
}

Json read_header(ByteReader& in) {
  const auto length = in.read<std::uint64_t>("the header's length");
  require<FormatError>(length <= in.remaining(),
                       "{}: the header's length is {}, but only {} bytes follow", in.source(),
                       length, in.remaining());
  require<FormatError>(length <= kLargestHeader,
                       "{}: the header's length is {}, expected at most {}", in.source(), length,
                       kLargestHeader);
  const std::string_view text = as_text(in.take(static_cast<std::size_t>(length), "the header"));
  require<FormatError>(!text.empty() && text.front() == '{',
                       "{}: expected a header that begins with \"{{\", found \"{}\"", in.source(),
                       printable(text, 16));
  return Json::parse(text, fmt::format("{}: header", in.source()));
}

}  // namespace

SafetensorsContents parse_safetensors(std::span<const std::byte> bytes, std::string_view source) {
  ByteReader in(bytes, source);
  const Json header = read_header(in);
  const auto data = in.take(in.remaining(), "tensor data");

  SafetensorsContents contents;
  std::vector<Placed> all;
  for (const auto& [name, entry] : header.as_object(source)) {
    if (name == kSafetensorsMetadataKey)
      contents.metadata = read_metadata(entry, source);
    else
      all.push_back(read_entry(name, entry, source));
  }
  std::sort(all.begin(), all.end(), [](const Placed& a, const Placed& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::size_t end = 0;
  for (Placed& placed : all) {
    check_place(placed, end, data.size(), source);
    placed.tensor.bytes = data.subspan(placed.begin, placed.end - placed.begin);
    end = placed.end;
    contents.tensors.push_back(std::move(placed.tensor));
  }
  require<FormatError>(end == data.size(), "{}: {} bytes of data belong to no tensor", source,
                       data.size() - end);
  return contents;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(path) {
  SafetensorsContents contents = parse_safetensors(file_.bytes(), path.string());
  tensors_ = std::move(contents.tensors);
  metadata_ = std::move(contents.metadata);
  by_name_ = order_by_name(tensors_);
}

const StoredTensor* SafetensorsFile::find(std::string_view name) const noexcept {
  return find_by_name(tensors_, by_name_, name);
}

}  // namespace libquant
