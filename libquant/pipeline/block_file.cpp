#include "libquant/pipeline/block_file.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "libquant/core/error.h"
#include "libquant/core/hash.h"

namespace libquant {
namespace {

using Metadata = std::map<std::string, std::string>;
constexpr std::string_view kHashKey = "hash";
constexpr std::string_view kVersion = "1";

/// One tensor on its way to a file.
struct Part {
  SafetensorsWriter::Entry entry;
  std::span<const std::byte> bytes;
};

template <typename T>
void add_part(std::vector<Part>& parts, const std::string& name, DType dtype,
              std::vector<std::size_t> shape, const std::vector<T>& values) {
  if (values.empty()) return;
  parts.push_back({{name, dtype, std::move(shape)}, std::as_bytes(std::span(values))});
}

std::vector<Part> parts_of(std::span<const QuantizedLayer> layers) {
  std::vector<Part> parts;
  for (const auto& [report, m] : layers) {
    const std::size_t groups = m.groups();
    add_part(parts, report.name + ".codes", DType::u8, {m.rows, m.cols}, m.codes);
    add_part(parts, report.name + ".scales", DType::f32, {m.rows, groups}, m.scales);
    add_part(parts, report.name + ".zeros", DType::u8, {m.rows, groups}, m.zeros);
    add_part(parts, report.name + ".minimums", DType::f32, {m.rows, groups}, m.minimums);
  }
  // The container wants falling element sizes.
  std::stable_partition(parts.begin(), parts.end(),
                        [](const Part& part) { return part.entry.dtype == DType::f32; });
  return parts;
}

class ContentHash {
 public:
  explicit ContentHash(const Metadata& metadata) {
    for (const auto& [key, value] : metadata)
      if (key != kHashKey) hasher_.update(fmt::format("{}={}\n", key, value));
  }
  void add(std::string_view name, std::span<const std::byte> bytes) {
    hasher_.update(fmt::format("{} {}\n", name, bytes.size()));
    hasher_.update(bytes);
  }
  std::string hex() const { return hasher_.hex(); }

 private:
  Hasher hasher_;
};

std::string reports_text(std::span<const QuantizedLayer> layers) {
  Json::Array array;
  for (const auto& layer : layers) array.push_back(to_json(layer.report));
  return Json(std::move(array)).dump();
}

std::string seconds_text(const StageSeconds& seconds) {
  return Json::object(
             {{"forward", seconds.forward}, {"hessian", seconds.hessian}, {"solve", seconds.solve}})
      .dump();
}

const std::string& value_of(const Metadata& metadata, const std::string& key) {
  const auto at = metadata.find(key);
  require<FormatError>(at != metadata.end(), "no {} in its metadata", key);
  return at->second;
}

void check_identity(const SafetensorsFile& file, std::size_t block, std::string_view fingerprint) {
  const Metadata& metadata = file.metadata();
  ContentHash hash(metadata);
  for (const auto& tensor : file.tensors()) hash.add(tensor.name, tensor.bytes);
  require<FormatError>(value_of(metadata, std::string(kHashKey)) == hash.hex(),
                       "its content has hash {}, its metadata says {}", hash.hex(),
                       value_of(metadata, std::string(kHashKey)));
  require<FormatError>(value_of(metadata, "version") == kVersion, "version {}, expected {}",
                       value_of(metadata, "version"), kVersion);
  require<FormatError>(value_of(metadata, "block") == std::to_string(block),
                       "it holds block {}, expected {}", value_of(metadata, "block"), block);
  require<FormatError>(value_of(metadata, "fingerprint") == fingerprint,
                       "it belongs to a run with fingerprint {}, expected {}",
                       value_of(metadata, "fingerprint"), fingerprint);
}

template <typename T>
void copy_part(const SafetensorsFile& file, const std::string& name, std::vector<T>& values) {
  if (values.empty()) return;
  const StoredTensor* tensor = file.find(name);
  require<FormatError>(tensor != nullptr && tensor->bytes.size() == values.size() * sizeof(T),
                       "work file {}: {} is missing or has the wrong size",
                       file.file().path().string(), name);
  std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
}

}  // namespace

void write_block_file(const std::filesystem::path& path, const FinishedBlock& block) {
  Metadata metadata{
      {"version", std::string(kVersion)},     {"block", std::to_string(block.block)},
      {"fingerprint", block.fingerprint},     {"state", block.state},
      {"layers", reports_text(block.layers)}, {"seconds", seconds_text(block.seconds)}};
  const auto parts = parts_of(block.layers);
  ContentHash hash(metadata);
  std::vector<SafetensorsWriter::Entry> entries;
  for (const Part& part : parts) {
    hash.add(part.entry.name, part.bytes);
    entries.push_back(part.entry);
  }
  metadata.emplace(kHashKey, hash.hex());
  SafetensorsWriter writer(path, entries, metadata);
  for (const Part& part : parts) writer.append(part.bytes);
  writer.commit();
}

BlockFile::BlockFile(const std::filesystem::path& path, std::size_t block,
                     std::string_view fingerprint)
    : file_(path) {
  try {
    check_identity(file_, block, fingerprint);
    const Metadata& metadata = file_.metadata();
    state_ = value_of(metadata, "state");
    const Json seconds = Json::parse(value_of(metadata, "seconds"), "seconds");
    seconds_.forward = seconds.at("forward").as_double("forward");
    seconds_.hessian = seconds.at("hessian").as_double("hessian");
    seconds_.solve = seconds.at("solve").as_double("solve");
    const Json layers = Json::parse(value_of(metadata, "layers"), "layers");
    for (const Json& layer : layers.as_array("layers"))
      reports_.push_back(layer_report_from_json(layer));
  } catch (const Error& error) {
    fail<FormatError>("work file {} is damaged or of another run: {}", path.string(), error.what());
  }
}

const NamedLayerReport* BlockFile::find(std::string_view layer) const noexcept {
  const auto at = std::find_if(reports_.begin(), reports_.end(),
                               [&](const auto& report) { return report.name == layer; });
  return at == reports_.end() ? nullptr : &*at;
}

bool BlockFile::has(std::string_view layer) const noexcept { return find(layer) != nullptr; }

QuantizedMatrix BlockFile::matrix(std::string_view layer) const {
  const NamedLayerReport* report = find(layer);
  const std::string name(layer);
  const StoredTensor* codes = report == nullptr ? nullptr : file_.find(name + ".codes");
  require<FormatError>(codes != nullptr, "work file {} has no codes of {}",
                       file_.file().path().string(), layer);
  QuantizedMatrix matrix = make_quantized(report->scheme, codes->rows(), codes->cols());
  copy_part(file_, name + ".codes", matrix.codes);
  copy_part(file_, name + ".scales", matrix.scales);
  copy_part(file_, name + ".zeros", matrix.zeros);
  copy_part(file_, name + ".minimums", matrix.minimums);
  file_.file().release(file_.file().bytes());
  check_quantized(matrix, layer);
  return matrix;
}

std::string write_state_file(const std::filesystem::path& path, const Matrix& hidden) {
  const auto bytes = std::as_bytes(std::span(hidden.data(), hidden.size()));
  SafetensorsWriter writer(path, {{"hidden", DType::f32, {hidden.rows(), hidden.cols()}}}, {});
  writer.append(bytes);
  writer.commit();
  return hash_hex(bytes);
}

Matrix read_state_file(const std::filesystem::path& path, std::string_view hash, std::size_t rows,
                       std::size_t cols) {
  const SafetensorsFile file(path);
  const StoredTensor* tensor = file.find("hidden");
  require<FormatError>(tensor != nullptr && tensor->dtype == DType::f32 && tensor->rows() == rows &&
                           tensor->cols() == cols,
                       "work file {} does not hold {} x {} hidden states", path.string(), rows,
                       cols);
  require<FormatError>(hash_hex(tensor->bytes) == hash, "work file {} is damaged: wrong hash",
                       path.string());
  Matrix hidden(rows, cols);
  std::memcpy(hidden.data(), tensor->bytes.data(), tensor->bytes.size());
  return hidden;
}

}  // namespace libquant
