#include "libquant/checkpoint/gguf_checkpoint.h"

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "libquant/checkpoint/gguf_blocks.h"
#include "libquant/checkpoint/gguf_config.h"
#include "libquant/checkpoint/stored_checkpoint.h"
#include "libquant/core/error.h"

namespace libquant {
namespace {

class GgufReader final : public TensorReader {
 public:
  GgufReader(const TensorSpec& spec, StoredPart part) : spec_(spec), part_(part) {}

  WeightSource::Info info() const override {
    const DTypeTraits& type = traits(part_.tensor->dtype);
    return {spec_.rows, spec_.cols, std::string(type.name), type.quantized};
  }
  void load_rows(std::size_t row_begin, MatrixView out) const override;
  std::optional<QuantizedMatrix> quantized() const override;
  std::vector<StoredPart> parts() const override { return {part_}; }

 private:
  TensorSpec spec_;
  StoredPart part_;
};

void GgufReader::load_rows(std::size_t row_begin, MatrixView out) const {
  require(row_begin <= spec_.rows && out.rows <= spec_.rows - row_begin && out.cols == spec_.cols,
          "reading {}: rows {}+{} x {} of a tensor of {} x {}", spec_.name, row_begin, out.rows,
          out.cols, spec_.rows, spec_.cols);
  if (spec_.permuted_head_dim == 0) {
    decode_rows(*part_.tensor, row_begin, out);
  } else if (spec_.is_vector()) {
    Matrix stored(1, spec_.cols);
    decode_rows(*part_.tensor, 0, stored);
    for (std::size_t i = 0; i < spec_.cols; ++i)
      out.data[i] = stored(0, gguf_row(i, spec_.permuted_head_dim));
  } else {
    for (std::size_t r = 0; r < out.rows; ++r)
      decode_rows(*part_.tensor, gguf_row(row_begin + r, spec_.permuted_head_dim),
                  out.row_range(r, 1));
  }
  check_finite(out, spec_.name, row_begin);
}

std::optional<QuantizedMatrix> GgufReader::quantized() const {
  const DType type = part_.tensor->dtype;
  const std::optional<Scheme> scheme = scheme_of_blocks(type);
  if (!scheme.has_value() || spec_.is_vector()) return std::nullopt;
  QuantizedMatrix matrix = make_quantized(*scheme, spec_.rows, spec_.cols);
  const std::size_t row_bytes = spec_.cols / traits(type).block_elements * traits(type).block_bytes;
  for (std::size_t r = 0; r < spec_.rows; ++r)
    unpack_blocks(
        type,
        part_.tensor->bytes.subspan(gguf_row(r, spec_.permuted_head_dim) * row_bytes, row_bytes),
        matrix, r);
  check_quantized(matrix, spec_.name);
  return matrix;
}

std::string shape_text(const std::vector<std::size_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::unique_ptr<TensorReader> make_reader(const GgufFile& file, const TensorSpec& spec,
                                          const StoredTensor& tensor) {
  const std::string path = file.file().path().string();
  require<FormatError>(tensor.shape == spec.shape(),
                       "{}: tensor {} has shape {}, the metadata asks for {}", path, spec.gguf_name,
                       shape_text(tensor.shape), shape_text(spec.shape()));
  const DType type = tensor.dtype;
  const bool floats = type == DType::f32 || type == DType::f16 || type == DType::bf16;
  require<FormatError>(floats || (traits(type).quantized && !spec.is_vector()),
                       "{}: tensor {} has type {}, which is no weight type", path, spec.gguf_name,
                       to_string(type));
  return std::make_unique<GgufReader>(spec, StoredPart{&tensor, &file.file()});
}

void check_complete(const GgufFile& file, const StoredCheckpoint::Content& content) {
  std::set<std::string, std::less<>> known{"rope_freqs.weight", "rope_factors_short.weight",
                                           "rope_factors_long.weight"};
  for (const TensorSpec& spec : content.specs) known.insert(spec.gguf_name);
  for (const StoredTensor& tensor : file.tensors())
    require<FormatError>(
        known.count(tensor.name) != 0, "{}: tensor {} has no place in a {} model of {} layers",
        file.file().path().string(), tensor.name, content.config.family, content.config.layers);
}

}  // namespace

std::unique_ptr<Checkpoint> open_gguf_file(const std::filesystem::path& path) {
  const auto file = std::make_shared<GgufFile>(path);
  const std::int64_t pieces = file->metadata().integer("split.count").value_or(1);
  require<NotSupported>(pieces <= 1, "{} is one of {} files of a split GGUF; merge them first",
                        path.string(), pieces);
  StoredCheckpoint::Content content;
  content.format = "gguf";
  content.config = config_from_gguf(*file);
  content.specs = tensor_specs(content.config);
  for (const TensorSpec& spec : content.specs) {
    const StoredTensor* tensor = file->find(spec.gguf_name);
    require<FormatError>(tensor != nullptr, "{}: missing tensor {}", path.string(), spec.gguf_name);
    content.readers.emplace(spec.name, make_reader(*file, spec, *tensor));
  }
  check_complete(*file, content);
  for (const auto& [key, value] : file->metadata().entries)
    if (key.rfind("general.", 0) == 0) content.source_files.general.set(key, value);
  content.read_tokenizer = [file] { return tokenizer_from_gguf(file->metadata()); };
  content.files = file;
  return std::make_unique<StoredCheckpoint>(std::move(content));
}

}  // namespace libquant
