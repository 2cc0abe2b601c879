#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "libquant/checkpoint/export_parts.h"
#include "libquant/checkpoint/gguf_blocks.h"
#include "libquant/checkpoint/gguf_config.h"
#include "libquant/checkpoint/output_tensor.h"
#include "libquant/checkpoint/rope_factors.h"
#include "libquant/core/error.h"
#include "libquant/core/version.h"
#include "libquant/io/gguf.h"

namespace libquant {
namespace {

// llama_ftype of llama.h.
constexpr std::array<std::pair<DType, std::uint32_t>, 6> kFileTypes{{{DType::f32, 0},
                                                                     {DType::f16, 1},
                                                                     {DType::q4_0, 2},
                                                                     {DType::q4_1, 3},
                                                                     {DType::q8_0, 7},
                                                                     {DType::bf16, 32}}};

DType stored_type(const PlannedTensor& tensor) {
  return tensor.scheme.has_value() ? block_type_of(*tensor.scheme, tensor.spec.cols).value()
                                   : tensor.type;
}

class BlockOutput final : public OutputTensor {
 public:
  BlockOutput(const PlannedTensor& tensor, CodesCache& cache)
      : spec_(tensor.spec), type_(stored_type(tensor)), cache_(cache) {}

  std::vector<OutputEntry> entries() const override {
    return {{spec_.gguf_name, type_, spec_.shape()}};
  }

  void write(std::size_t, const ByteSink& sink) const override {
    const QuantizedMatrix& codes = cache_.get(spec_.name);
    std::vector<std::byte> row(row_bytes(type_, spec_.cols));
    for (std::size_t r = 0; r < spec_.rows; ++r) {
      pack_blocks(codes, hf_row(r, spec_.permuted_head_dim), type_, row);
      sink(row);
    }
  }

 private:
  TensorSpec spec_;
  DType type_;
  CodesCache& cache_;
};

// A vector that is no weight: rotary factors.
class FactorsOutput final : public OutputTensor {
 public:
  FactorsOutput(std::string name, const std::vector<double>& values)
      : name_(std::move(name)), values_(values.begin(), values.end()) {}
  std::vector<OutputEntry> entries() const override {
    return {{name_, DType::f32, {values_.size()}}};
  }
  void write(std::size_t, const ByteSink& sink) const override {
    sink(std::as_bytes(std::span(values_)));
  }

 private:
  std::string name_;
  std::vector<float> values_;
};

using Outputs = std::vector<std::unique_ptr<OutputTensor>>;

void add_rope_factors(const ModelConfig& config, Outputs& outputs) {
  const auto add = [&](const char* name, const std::vector<double>& values) {
    if (!values.empty()) outputs.push_back(std::make_unique<FactorsOutput>(name, values));
  };
  const RopeConfig& rope = config.rope;
  add("rope_freqs.weight", rope.scaling == RopeConfig::Scaling::llama3 ? llama3_factors(config)
                                                                       : rope.frequency_factors);
  add("rope_factors_short.weight", rope.short_factors);
  add("rope_factors_long.weight", rope.long_factors);
}

Outputs make_outputs(const Checkpoint& source, const std::vector<PlannedTensor>& plan,
                     CodesCache& cache) {
  Outputs outputs;
  for (const PlannedTensor& tensor : plan) {
    if (tensor.scheme.has_value())
      outputs.push_back(std::make_unique<BlockOutput>(tensor, cache));
    else
      outputs.push_back(std::make_unique<DenseOutput>(source, tensor.spec, tensor.spec.gguf_name,
                                                      tensor.type, tensor.spec.permuted_head_dim));
  }
  add_rope_factors(source.config(), outputs);
  return outputs;
}

std::uint32_t file_type(const std::vector<PlannedTensor>& plan) {
  std::array<std::size_t, kFileTypes.size()> counts{};
  for (const PlannedTensor& tensor : plan)
    if (tensor.spec.kind == TensorSpec::Kind::linear)
      for (std::size_t i = 0; i < kFileTypes.size(); ++i)
        counts[i] += stored_type(tensor) == kFileTypes[i].first;
  return kFileTypes[static_cast<std::size_t>(std::max_element(counts.begin(), counts.end()) -
                                             counts.begin())]
      .second;
}

// For people: what llama.cpp prints when it loads the file.
std::string name_of(const Checkpoint& source, const WriteOptions& options) {
  const auto given = options.metadata.find("name");
  if (given != options.metadata.end()) return given->second;
  const Json* path = source.source_files().config_json.find("_name_or_path");
  const std::string name = path != nullptr && path->is_string() ? path->as_string("name") : "";
  return name.empty() ? source.config().family : std::filesystem::path(name).filename().string();
}

GgufMetadata make_metadata(const Checkpoint& source, const std::vector<PlannedTensor>& plan,
                           const WriteOptions& options, const std::filesystem::path& path) {
  GgufMetadata metadata;
  metadata.source = path.string();
  metadata.set("general.architecture", GgufValue::string(""));  // llama.cpp wants it first
  metadata.set("general.type", GgufValue::string("model"));
  for (const auto& [key, value] : source.source_files().general.entries)
    if (key != "general.alignment") metadata.set(key, value);
  if (metadata.find("general.name") == nullptr)
    metadata.set("general.name", GgufValue::string(name_of(source, options)));
  config_to_gguf(source.config(), metadata);
  metadata.set("general.file_type", GgufValue::u32(file_type(plan)));
  metadata.set("general.quantization_version", GgufValue::u32(2));
  metadata.set("libquant.version", GgufValue::string(std::string(version())));
  for (const auto& [key, value] : options.metadata)
    metadata.set("libquant." + key, GgufValue::string(value));
  TokenizerSpec tokenizer = source.tokenizer();
  pad_vocabulary(tokenizer, source.config().vocabulary_size);
  tokenizer_to_gguf(tokenizer, metadata);
  return metadata;
}

}  // namespace

void check_gguf_file(const Checkpoint& source, const WriteOptions& options) {
  make_metadata(source, {}, options, "the output");
}

void write_gguf_file(const Checkpoint& source, const std::vector<PlannedTensor>& plan,
                     const WriteOptions& options, const std::filesystem::path& path,
                     ExportProgress& progress) {
  CodesCache cache(source);
  const Outputs outputs = make_outputs(source, plan, cache);
  std::vector<GgufWriter::Entry> entries;
  for (const auto& output : outputs)
    for (const OutputEntry& entry : output->entries())
      entries.push_back({entry.name, entry.dtype, entry.shape});
  GgufWriter writer(path, make_metadata(source, plan, options, path), entries);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    outputs[i]->write(0, [&](std::span<const std::byte> bytes) { writer.append(bytes); });
    if (i < plan.size()) progress.advance("writing", plan[i].spec.rows * plan[i].spec.cols);
  }
  writer.commit();
}

}  // namespace libquant
