#include <limits>
#include <unordered_set>

#include "libquant/core/error.h"
#include "libquant/io/bytes.h"
#include "libquant/io/json.h"
#include "libquant/io/safetensors.h"
#include "libquant/io/safetensors_parse.h"
#include "libquant/io/tensor_table.h"
#include "libquant/io/text.h"

namespace libquant {
namespace {

constexpr std::size_t kDataAlignment = 64;

Json shape_of(const SafetensorsWriter::Entry& entry) {
  Json::Array shape;
  for (const std::size_t extent : entry.shape) shape.emplace_back(extent);
  return shape;
}

std::size_t checked_size(const SafetensorsWriter::Entry& entry, std::size_t begin) {
  const std::string name = printable(entry.name);
  const DTypeTraits& type = traits(entry.dtype);
  require(!type.quantized, "tensor {}: safetensors has no type {}", name, type.name);
  require(entry.name != kSafetensorsMetadataKey, "tensor {}: the format reserves this name", name);
  const auto size = tensor_bytes(entry.dtype, entry.shape);
  constexpr std::size_t kLargest = std::numeric_limits<std::int64_t>::max();
  require(size.has_value() && *size <= kLargest - begin, "tensor {}: shape [{}] is too large", name,
          fmt::join(entry.shape, ", "));
  require(begin % type.block_bytes == 0,
          "tensor {}: {} would start at byte {} of the data: order entries by falling element size",
          name, type.name, begin);
  return *size;
}

struct Layout {
  std::string header;
  std::vector<TensorStream::Item> items;
};

Layout lay_out(const std::vector<SafetensorsWriter::Entry>& entries,
               const std::map<std::string, std::string>& metadata) {
  Json::Object header;
  if (!metadata.empty()) {
    Json::Object texts;
    for (const auto& [key, value] : metadata) texts.emplace_back(key, value);
    header.emplace_back(kSafetensorsMetadataKey, std::move(texts));
  }
  Layout layout;
  std::unordered_set<std::string_view> seen;
  std::size_t begin = 0;
  for (const auto& entry : entries) {
    require(seen.insert(entry.name).second, "tensor {} occurs twice", printable(entry.name));
    const std::size_t end = begin + checked_size(entry, begin);
    header.emplace_back(entry.name,
                        Json::object({{"dtype", to_string(entry.dtype)},
                                      {"shape", shape_of(entry)},
                                      {"data_offsets", Json::Array{Json(begin), Json(end)}}}));
    layout.items.push_back({entry.name, end - begin});
    begin = end;
  }
  std::string text = Json(std::move(header)).dump();
  const std::size_t used = sizeof(std::uint64_t) + text.size();
  text.append((kDataAlignment - used % kDataAlignment) % kDataAlignment, ' ');
  append_bytes<std::uint64_t>(layout.header, text.size());
  layout.header += text;
  return layout;
}

TensorStream open_stream(const std::filesystem::path& path,
                         const std::vector<SafetensorsWriter::Entry>& entries,
                         const std::map<std::string, std::string>& metadata) {
  Layout layout = lay_out(entries, metadata);
  return TensorStream(path, layout.header, std::move(layout.items), 1);
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     const std::vector<Entry>& entries,
                                     const std::map<std::string, std::string>& metadata)
    : stream_(open_stream(path, entries, metadata)) {}

}  // namespace libquant
