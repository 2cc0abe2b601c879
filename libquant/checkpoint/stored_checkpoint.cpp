#include "libquant/checkpoint/stored_checkpoint.h"

#include <algorithm>
#include <cstdint>

#include "libquant/checkpoint/hf_config.h"
#include "libquant/core/error.h"
#include "libquant/core/hash.h"

namespace libquant {
namespace {

void check_range(const TensorSpec& spec, std::size_t row_begin, MatrixView out) {
  require(row_begin <= spec.rows && out.rows <= spec.rows - row_begin && out.cols == spec.cols,
          "reading {}: rows {}+{} x {} of a tensor of {} x {}", spec.name, row_begin, out.rows,
          out.cols, spec.rows, spec.cols);
}

template <typename T>
void hash_number(Hasher& hasher, T value) {
  const auto wide = static_cast<std::uint64_t>(value);
  hasher.update(std::as_bytes(std::span(&wide, 1)));
}

void hash_text(Hasher& hasher, std::string_view text) {
  hash_number(hasher, text.size());
  hasher.update(text);
}

}  // namespace

void check_finite(ConstMatrixView values, std::string_view tensor, std::size_t row_begin) {
  if (const auto odd = first_not_finite(values))
    fail<FormatError>("reading {}: row {} holds NaN or infinity", tensor, row_begin + odd->row);
}

void CodesReader::load_rows(std::size_t row_begin, MatrixView out) const {
  check_range(spec_, row_begin, out);
  const std::size_t step = std::max<std::size_t>(1, (std::size_t{1} << 20) / spec_.cols);
  for (std::size_t done = 0; done < out.rows; done += step) {
    const std::size_t count = std::min(step, out.rows - done);
    const QuantizedMatrix codes = read_rows(row_begin + done, count);
    check_quantized(codes, spec_.name);
    dequantize_rows(codes, 0, out.row_range(done, count));
  }
}

std::optional<QuantizedMatrix> CodesReader::quantized() const {
  QuantizedMatrix matrix = read_rows(0, spec_.rows);
  check_quantized(matrix, spec_.name);
  return matrix;
}

WeightSource::Info CodesReader::info() const {
  return {spec_.rows, spec_.cols, to_string(scheme()), true};
}

WeightSource::Info DenseReader::info() const {
  return {spec_.rows, spec_.cols, std::string(to_string(part_.tensor->dtype)), false};
}

void DenseReader::load_rows(std::size_t row_begin, MatrixView out) const {
  check_range(spec_, row_begin, out);
  decode_rows(*part_.tensor, row_begin, out);
  check_finite(out, spec_.name, row_begin);
}

const TensorReader& StoredCheckpoint::reader(std::string_view name) const {
  const auto found = content_.readers.find(name);
  require<FormatError>(found != content_.readers.end(), "the model has no tensor {}", name);
  return *found->second;
}

std::vector<std::string> StoredCheckpoint::names() const {
  std::vector<std::string> names;
  names.reserve(content_.specs.size());
  for (const TensorSpec& spec : content_.specs) names.push_back(spec.name);
  return names;
}

bool StoredCheckpoint::has(std::string_view name) const {
  return content_.readers.find(name) != content_.readers.end();
}

WeightSource::Info StoredCheckpoint::info(std::string_view name) const {
  const TensorReader& found = reader(name);
  Info info = found.info();
  for (const StoredPart& part : found.parts()) info.bytes += part.tensor->bytes.size();
  return info;
}

void StoredCheckpoint::load_rows(std::string_view name, std::size_t row_begin,
                                 MatrixView out) const {
  reader(name).load_rows(row_begin, out);
}

std::optional<QuantizedMatrix> StoredCheckpoint::quantized(std::string_view name) const {
  return reader(name).quantized();
}

std::string StoredCheckpoint::type_name() const {
  std::map<std::string, std::size_t> counts;
  for (const TensorSpec& spec : content_.specs)
    if (spec.kind == TensorSpec::Kind::linear) ++counts[info(spec.name).type];
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? "" : most->first;
}

const TokenizerSpec& StoredCheckpoint::tokenizer() const {
  require<FormatError>(content_.read_tokenizer != nullptr, "the model has no tokenizer.json");
  std::call_once(tokenizer_once_, [this] { tokenizer_ = content_.read_tokenizer(); });
  return tokenizer_;
}

std::string StoredCheckpoint::content_hash() const {
  Hasher hasher;
  ModelConfig config = content_.config;
  const std::vector<double> factors = std::exchange(config.rope.frequency_factors, {});
  hash_text(hasher, config_to_json(config, {}, DType::f32).dump());
  hasher.update(std::as_bytes(std::span(factors)));
  if (content_.read_tokenizer) hash_tokenizer(tokenizer(), hasher);
  for (const TensorSpec& spec : content_.specs) {
    for (const StoredPart& part : reader(spec.name).parts()) {
      hash_text(hasher, part.tensor->name);
      hash_text(hasher, to_string(part.tensor->dtype));
      for (const std::size_t size : part.tensor->shape) hash_number(hasher, size);
      hasher.update(part.tensor->bytes);
      part.file->release(part.tensor->bytes);
    }
  }
  return hasher.hex();
}

void StoredCheckpoint::release(std::string_view name) const {
  for (const StoredPart& part : reader(name).parts()) part.file->release(part.tensor->bytes);
}

}  // namespace libquant
