#include "libquant/io/gguf_parse.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <unordered_set>

#include "libquant/core/error.h"
#include "libquant/io/bytes.h"
#include "libquant/io/ggml_types.h"
#include "libquant/io/tensor_table.h"
#include "libquant/io/text.h"

namespace libquant {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint32_t kMaxDimensions = 4;
// Fewest bytes that a metadata entry and a tensor description can take: counts are checked against
// what is left of the file before anything is allocated for them.
constexpr std::size_t kSmallestEntry = 8 + 4 + 1;
constexpr std::size_t kSmallestTensor = 8 + 4 + 4 + 8;

std::size_t read_count(ByteReader& in, std::size_t smallest, std::string_view what) {
  const auto count = in.read<std::uint64_t>(what);
  require<FormatError>(count <= in.remaining() / smallest,
                       "{}: {} is {} (byte {}): the remaining {} bytes hold at most {}",
                       in.source(), printable(what), count, in.position() - 8, in.remaining(),
                       in.remaining() / smallest);
  return static_cast<std::size_t>(count);
}

std::string read_string(ByteReader& in, std::string_view what) {
  const std::size_t begin = in.position();
  const auto length = in.read<std::uint64_t>(what);
  require<FormatError>(length <= in.remaining(),
                       "{}: {} at byte {}: a string of {} bytes does not fit the remaining {}",
                       in.source(), printable(what), begin, length, in.remaining());
  const std::string_view text = as_text(in.take(static_cast<std::size_t>(length), what));
  require<FormatError>(is_utf8(text), "{}: {} at byte {} is not valid UTF-8: \"{}\"", in.source(),
                       printable(what), begin, printable(text));
  return std::string(text);
}

std::int64_t read_integer(ByteReader& in, std::uint32_t wire, std::string_view what) {
  switch (wire) {
    case kWireU8:
      return in.read<std::uint8_t>(what);
    case kWireI8:
      return in.read<std::int8_t>(what);
    case kWireU16:
      return in.read<std::uint16_t>(what);
    case kWireI16:
      return in.read<std::int16_t>(what);
    case kWireU32:
      return in.read<std::uint32_t>(what);
    case kWireI32:
      return in.read<std::int32_t>(what);
    case kWireI64:
      return in.read<std::int64_t>(what);
    case kWireBool: {
      const auto value = in.read<std::uint8_t>(what);
      require<FormatError>(value <= 1, "{}: {} at byte {}: expected a boolean 0 or 1, found {}",
                           in.source(), printable(what), in.position() - 1, value);
      return value;
    }
    default: {
      const auto value = in.read<std::uint64_t>(what);
      require<NotSupported>(value <= std::numeric_limits<std::int64_t>::max(),
                            "{}: {} at byte {}: {} does not fit a signed 64-bit integer",
                            in.source(), printable(what), in.position() - 8, value);
      return static_cast<std::int64_t>(value);
    }
  }
}

double read_float(ByteReader& in, std::uint32_t wire, std::string_view what) {
  return wire == kWireF32 ? double{in.read<float>(what)} : in.read<double>(what);
}

std::size_t smallest_size(std::uint32_t wire) noexcept {
  constexpr std::size_t kSizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
  return kSizes[wire];
}

void require_known_wire(const ByteReader& in, std::uint32_t wire, std::string_view what) {
  require<FormatError>(wire <= kWireF64, "{}: {} at byte {}: unknown value type {}", in.source(),
                       printable(what), in.position() - 4, wire);
}

void read_array(ByteReader& in, GgufValue& value, std::string_view what) {
  const std::uint32_t wire = value.element_wire = in.read<std::uint32_t>(what);
  require_known_wire(in, wire, what);
  require<NotSupported>(wire != kWireArray, "{}: {} at byte {}: arrays of arrays are not supported",
                        in.source(), printable(what), in.position() - 4);
  const std::size_t count =
      read_count(in, smallest_size(wire), fmt::format("the number of elements of {}", what));
  if (wire == kWireString) {
    GgufValue::Strings strings;
    strings.reserve(count);
    for (std::size_t i = 0; i < count; ++i) strings.push_back(read_string(in, what));
    value.value = std::move(strings);
  } else if (wire == kWireF32 || wire == kWireF64) {
    GgufValue::Floats numbers(count);
    for (double& number : numbers) number = read_float(in, wire, what);
    value.value = std::move(numbers);
  } else {
    GgufValue::Integers numbers(count);
    for (std::int64_t& number : numbers) number = read_integer(in, wire, what);
    value.value = std::move(numbers);
  }
}

GgufValue read_value(ByteReader& in, std::string_view what) {
  GgufValue value;
  value.wire = in.read<std::uint32_t>(what);
  require_known_wire(in, value.wire, what);
  switch (value.wire) {
    case kWireArray:
      read_array(in, value, what);
      break;
    case kWireString:
      value.value = read_string(in, what);
      break;
    case kWireF32:
    case kWireF64:
      value.value = read_float(in, value.wire, what);
      break;
    case kWireBool:
      value.value = read_integer(in, value.wire, what) != 0;
      break;
    default:
      value.value = read_integer(in, value.wire, what);
  }
  return value;
}

void read_metadata(ByteReader& in, std::size_t count, GgufMetadata& metadata) {
  std::unordered_set<std::string> seen;
  metadata.entries.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::string key = read_string(in, fmt::format("metadata key {} of {}", i + 1, count));
    require<FormatError>(seen.insert(key).second, "{}: metadata key {} occurs twice", in.source(),
                         printable(key));
    GgufValue value = read_value(in, "metadata key " + key);
    metadata.entries.emplace_back(std::move(key), std::move(value));
  }
}

DType read_tensor_type(ByteReader& in, std::string_view what) {
  const auto number = in.read<std::uint32_t>(what);
  const auto type = dtype_of_ggml(number);
  if (type) return *type;
  const std::string_view name = unsupported_ggml_name(number);
  if (name.empty())
    fail<NotSupported>("{}: {}: unknown tensor type number {}", in.source(), printable(what),
                       number);
  fail<NotSupported>("{}: {}: tensor type {} (number {}) is not supported", in.source(),
                     printable(what), name, number);
}

struct PlacedTensor {
  StoredTensor tensor;
  std::uint64_t offset = 0;
  std::size_t size = 0;
};

PlacedTensor read_tensor(ByteReader& in, std::size_t number, std::size_t count) {
  PlacedTensor placed;
  StoredTensor& tensor = placed.tensor;
  tensor.name = read_string(in, fmt::format("the name of tensor {} of {}", number, count));
  const std::string what = "tensor " + tensor.name;
  const auto dimensions = in.read<std::uint32_t>(what);
  require<FormatError>(dimensions <= kMaxDimensions,
                       "{}: {}: expected at most {} dimensions, found {}", in.source(),
                       printable(what), kMaxDimensions, dimensions);
  for (std::uint32_t i = 0; i < dimensions; ++i)
    tensor.shape.push_back(static_cast<std::size_t>(in.read<std::uint64_t>(what)));
  std::reverse(tensor.shape.begin(), tensor.shape.end());
  tensor.dtype = read_tensor_type(in, what);
  placed.offset = in.read<std::uint64_t>(what);
  const auto size = tensor_bytes(tensor.dtype, tensor.shape);
  require<FormatError>(size.has_value(), "{}: {}: impossible shape [{}] for {} (blocks of {})",
                       in.source(), printable(what), fmt::join(tensor.shape, ", "),
                       to_string(tensor.dtype), traits(tensor.dtype).block_elements);
  placed.size = *size;
  return placed;
}

void place_tensor(PlacedTensor& placed, std::span<const std::byte> data, std::size_t alignment,
                  std::string_view source) {
  require<FormatError>(placed.offset % alignment == 0,
                       "{}: tensor {}: offset {} is no multiple of the alignment {}", source,
                       printable(placed.tensor.name), placed.offset, alignment);
  require<FormatError>(placed.offset <= data.size() && placed.size <= data.size() - placed.offset,
                       "{}: tensor {}: {} bytes at offset {} end after the {} bytes of tensor data",
                       source, printable(placed.tensor.name), placed.size, placed.offset,
                       data.size());
  placed.tensor.bytes = data.subspan(static_cast<std::size_t>(placed.offset), placed.size);
}

void require_no_overlap(const std::vector<PlacedTensor>& placed, std::string_view source) {
  std::vector<std::size_t> order(placed.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t i) { return placed[i].size == 0; });
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return placed[a].offset < placed[b].offset; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const PlacedTensor& before = placed[order[i - 1]];
    const PlacedTensor& after = placed[order[i]];
    require<FormatError>(after.offset - before.offset >= before.size,
                         "{}: tensor {} at offset {} overlaps tensor {} ({} bytes at offset {})",
                         source, printable(after.tensor.name), after.offset,
                         printable(before.tensor.name), before.size, before.offset);
  }
}

void require_header(ByteReader& in) {
  const auto magic = in.read<std::uint32_t>("the magic number");
  require<FormatError>(
      magic == kMagic, "{}: not a GGUF file: expected \"GGUF\" at its start, found \"{}\"",
      in.source(), printable({reinterpret_cast<const char*>(&magic), sizeof magic}));
  const auto version = in.read<std::uint32_t>("the version");
  require<NotSupported>((version & 0xffffu) != 0, "{}: big-endian GGUF is not supported",
                        in.source());
  require<NotSupported>(version == 2 || version == 3, "{}: expected GGUF version 2 or 3, found {}",
                        in.source(), version);
}

}  // namespace

GgufContents parse_gguf(std::span<const std::byte> bytes, std::string_view source) {
  ByteReader in(bytes, source);
  require_header(in);
  const std::size_t tensors = read_count(in, kSmallestTensor, "the number of tensors");
  const std::size_t entries = read_count(in, kSmallestEntry, "the number of metadata entries");
  GgufContents contents;
  contents.metadata.source = source;
  read_metadata(in, entries, contents.metadata);
  const std::size_t alignment = gguf_alignment(contents.metadata);

  std::vector<PlacedTensor> placed;
  placed.reserve(tensors);
  for (std::size_t i = 0; i < tensors; ++i) placed.push_back(read_tensor(in, i + 1, tensors));
  const std::size_t padding = (alignment - in.position() % alignment) % alignment;
  // A file without tensor data may end before the padding.
  in.take(std::min(padding, in.remaining()), "padding");
  const auto data = in.take(in.remaining(), "tensor data");
  for (PlacedTensor& tensor : placed) place_tensor(tensor, data, alignment, source);
  require_no_overlap(placed, source);

  contents.tensors.reserve(tensors);
  for (PlacedTensor& tensor : placed) contents.tensors.push_back(std::move(tensor.tensor));
  contents.by_name = order_by_name(contents.tensors);
  require_unique_names(contents.tensors, contents.by_name, source);
  return contents;
}

}  // namespace libquant
