#include <cmath>
#include <cstdint>
#include <limits>
#include <unordered_set>

#include "libquant/core/error.h"
#include "libquant/io/bytes.h"
#include "libquant/io/ggml_types.h"
#include "libquant/io/gguf.h"
#include "libquant/io/gguf_parse.h"
#include "libquant/io/tensor_table.h"
#include "libquant/io/text.h"

namespace libquant {
namespace {

constexpr std::size_t kNameLimit = 64;  // GGML_MAX_NAME, which counts the final zero

struct Layout {
  std::string header;
  std::vector<TensorStream::Item> items;
  std::size_t alignment;
};

void append_string(std::string& out, std::string_view text, std::string_view what) {
  require(is_utf8(text), "{}: \"{}\" is not valid UTF-8", what, printable(text));
  append_bytes<std::uint64_t>(out, text.size());
  out += text;
}

template <typename T>
void append_checked(std::string& out, std::int64_t value, std::string_view key) {
  require(std::in_range<T>(value), "metadata key {}: {} does not fit its GGUF type", printable(key),
          value);
  append_bytes<T>(out, static_cast<T>(value));
}

void append_integer(std::string& out, std::uint32_t wire, std::int64_t value,
                    std::string_view key) {
  switch (wire) {
    case kWireU8:
      return append_checked<std::uint8_t>(out, value, key);
    case kWireI8:
      return append_checked<std::int8_t>(out, value, key);
    case kWireU16:
      return append_checked<std::uint16_t>(out, value, key);
    case kWireI16:
      return append_checked<std::int16_t>(out, value, key);
    case kWireU32:
      return append_checked<std::uint32_t>(out, value, key);
    case kWireI32:
      return append_checked<std::int32_t>(out, value, key);
    case kWireU64:
      return append_checked<std::uint64_t>(out, value, key);
    case kWireI64:
      return append_checked<std::int64_t>(out, value, key);
    case kWireBool:
      require(value == 0 || value == 1, "metadata key {}: {} is no boolean", printable(key), value);
      return append_checked<std::uint8_t>(out, value, key);
    default:
      fail<InvalidArgument>("metadata key {}: GGUF type {} holds no integer", printable(key), wire);
  }
}

void append_float(std::string& out, std::uint32_t wire, double value, std::string_view key) {
  require(wire == kWireF32 || wire == kWireF64, "metadata key {}: GGUF type {} holds no number",
          printable(key), wire);
  if (wire == kWireF64) return append_bytes(out, value);
  require(!std::isfinite(value) || std::fabs(value) <= double{std::numeric_limits<float>::max()},
          "metadata key {}: {} does not fit fp32", printable(key), value);
  append_bytes(out, static_cast<float>(value));
}

template <typename Values, typename Append>
void append_array(std::string& out, const GgufValue& value, const Values& values, Append append) {
  append_bytes<std::uint32_t>(out, value.element_wire);
  append_bytes<std::uint64_t>(out, values.size());
  for (const auto& element : values) append(element);
}

void append_value(std::string& out, const std::string& key, const GgufValue& value) {
  const bool is_array = value.value.index() >= 4;
  const bool is_string = std::holds_alternative<std::string>(value.value);
  const bool is_bool = std::holds_alternative<bool>(value.value);
  const bool holds_strings = std::holds_alternative<GgufValue::Strings>(value.value);
  require(is_array == (value.wire == kWireArray) && is_string == (value.wire == kWireString) &&
              is_bool == (value.wire == kWireBool) &&
              (!is_array || holds_strings == (value.element_wire == kWireString)),
          "metadata key {}: its value is not of GGUF type {}", printable(key), value.wire);
  append_string(out, key, "metadata key");
  append_bytes<std::uint32_t>(out, value.wire);
  if (const auto* flag = std::get_if<bool>(&value.value)) {
    append_bytes<std::uint8_t>(out, *flag ? 1 : 0);
  } else if (const auto* integer = std::get_if<std::int64_t>(&value.value)) {
    append_integer(out, value.wire, *integer, key);
  } else if (const auto* number = std::get_if<double>(&value.value)) {
    append_float(out, value.wire, *number, key);
  } else if (const auto* text = std::get_if<std::string>(&value.value)) {
    append_string(out, *text, key);
  } else if (const auto* integers = std::get_if<GgufValue::Integers>(&value.value)) {
    append_array(out, value, *integers,
                 [&](std::int64_t i) { append_integer(out, value.element_wire, i, key); });
  } else if (const auto* numbers = std::get_if<GgufValue::Floats>(&value.value)) {
    append_array(out, value, *numbers,
                 [&](double x) { append_float(out, value.element_wire, x, key); });
  } else {
    append_array(out, value, std::get<GgufValue::Strings>(value.value),
                 [&](const std::string& s) { append_string(out, s, key); });
  }
}

std::size_t append_entry(std::string& out, const GgufWriter::Entry& entry, std::size_t offset) {
  const std::string name = printable(entry.name);
  const auto type = ggml_of_dtype(entry.dtype);
  require(type.has_value(), "tensor {}: GGUF has no type {}", name, to_string(entry.dtype));
  require(!entry.name.empty() && entry.name.size() < kNameLimit,
          "tensor {}: expected a name of 1 to {} bytes, found {}", name, kNameLimit - 1,
          entry.name.size());
  require(!entry.shape.empty() && entry.shape.size() <= 4,
          "tensor {}: expected 1 to 4 dimensions, found {}", name, entry.shape.size());
  const auto size = tensor_bytes(entry.dtype, entry.shape);
  require(size.has_value(), "tensor {}: impossible shape [{}] for {} (blocks of {})", name,
          fmt::join(entry.shape, ", "), to_string(entry.dtype), traits(entry.dtype).block_elements);
  append_string(out, entry.name, "tensor name");
  append_bytes<std::uint32_t>(out, static_cast<std::uint32_t>(entry.shape.size()));
  for (auto extent = entry.shape.rbegin(); extent != entry.shape.rend(); ++extent)
    append_bytes<std::uint64_t>(out, *extent);
  append_bytes<std::uint32_t>(out, *type);
  append_bytes<std::uint64_t>(out, offset);
  return *size;
}

std::size_t round_up(std::size_t value, std::size_t multiple) noexcept {
  return value + (multiple - value % multiple) % multiple;
}

template <typename Range, typename Name>
void require_unique(const Range& range, std::string_view what, Name name_of) {
  std::unordered_set<std::string_view> seen;
  for (const auto& item : range)
    require(seen.insert(name_of(item)).second, "{} {} occurs twice", what,
            printable(name_of(item)));
}

Layout lay_out(const GgufMetadata& metadata, const std::vector<GgufWriter::Entry>& entries) {
  require_unique(metadata.entries, "metadata key",
                 [](const auto& item) -> std::string_view { return item.first; });
  require_unique(entries, "tensor", [](const auto& item) -> std::string_view { return item.name; });
  Layout layout{"GGUF", {}, gguf_alignment(metadata)};
  append_bytes<std::uint32_t>(layout.header, 3);
  append_bytes<std::uint64_t>(layout.header, entries.size());
  append_bytes<std::uint64_t>(layout.header, metadata.entries.size());
  for (const auto& [key, value] : metadata.entries) append_value(layout.header, key, value);
  std::size_t offset = 0;
  for (const auto& entry : entries) {
    const std::size_t size = append_entry(layout.header, entry, offset);
    layout.items.push_back({entry.name, size});
    require(size < (std::size_t{1} << 62) - offset, "tensor {}: the file would be too large",
            printable(entry.name));
    offset = round_up(offset + size, layout.alignment);
  }
  layout.header.resize(round_up(layout.header.size(), layout.alignment), '\0');
  return layout;
}

TensorStream open_stream(const std::filesystem::path& path, const GgufMetadata& metadata,
                         const std::vector<GgufWriter::Entry>& entries) {
  Layout layout = lay_out(metadata, entries);
  return TensorStream(path, layout.header, std::move(layout.items), layout.alignment);
}

}  // namespace

GgufWriter::GgufWriter(const std::filesystem::path& path, const GgufMetadata& metadata,
                       const std::vector<Entry>& entries)
    : stream_(open_stream(path, metadata, entries)) {}

}  // namespace libquant
