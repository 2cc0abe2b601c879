#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/checkpoint/tensor_specs.h"
#include "libquant/io/mapped_file.h"
#include "libquant/io/stored_tensor.h"

namespace libquant {

/// A stored tensor and the file that it lies in.
struct StoredPart {
  const StoredTensor* tensor = nullptr;
  const MappedFile* file = nullptr;
};

/// How one tensor of a model is read from its stored parts. Shapes were checked when it was made;
/// methods are safe from many threads.
class TensorReader {
 public:
  virtual ~TensorReader() = default;
  virtual WeightSource::Info info() const = 0;
  /// Throws FormatError naming the tensor for values that are not finite.
  virtual void load_rows(std::size_t row_begin, MatrixView out) const = 0;
  virtual std::optional<QuantizedMatrix> quantized() const { return std::nullopt; }
  /// What the content hash covers and release() gives back.
  virtual std::vector<StoredPart> parts() const = 0;
};

/// A reader of codes: values come from dequantizing a range of rows.
class CodesReader : public TensorReader {
 public:
  explicit CodesReader(const TensorSpec& spec) : spec_(spec) {}
  void load_rows(std::size_t row_begin, MatrixView out) const final;
  std::optional<QuantizedMatrix> quantized() const final;
  WeightSource::Info info() const override;

 protected:
  virtual const Scheme& scheme() const = 0;
  virtual QuantizedMatrix read_rows(std::size_t row_begin, std::size_t count) const = 0;
  const TensorSpec& spec() const noexcept { return spec_; }

 private:
  TensorSpec spec_;
};

/// A tensor of floats as it lies in a safetensors file.
class DenseReader final : public TensorReader {
 public:
  DenseReader(const TensorSpec& spec, StoredPart part) : spec_(spec), part_(part) {}
  WeightSource::Info info() const override;
  void load_rows(std::size_t row_begin, MatrixView out) const override;
  std::vector<StoredPart> parts() const override { return {part_}; }

 private:
  TensorSpec spec_;
  StoredPart part_;
};

/// Throws FormatError naming the tensor and the first row that is not finite.
void check_finite(ConstMatrixView values, std::string_view tensor, std::size_t row_begin);

/// A checkpoint whose tensors have readers.
class StoredCheckpoint final : public Checkpoint {
 public:
  struct Content {
    std::string format;
    ModelConfig config;
    std::vector<TensorSpec> specs;
    std::map<std::string, std::unique_ptr<TensorReader>, std::less<>> readers;  ///< one per spec
    SourceFiles source_files;
    Json generation_config;
    std::function<TokenizerSpec()> read_tokenizer;  ///< empty when there is no tokenizer
    std::shared_ptr<const void> files;              ///< keeps the maps open
  };
  explicit StoredCheckpoint(Content content) : content_(std::move(content)) {}

  const ModelConfig& config() const override { return content_.config; }
  std::vector<std::string> names() const override;
  bool has(std::string_view name) const override;
  Info info(std::string_view name) const override;
  void load_rows(std::string_view name, std::size_t row_begin, MatrixView out) const override;
  std::optional<QuantizedMatrix> quantized(std::string_view name) const override;
  std::string type_name() const override;
  const TokenizerSpec& tokenizer() const override;
  std::string format() const override { return content_.format; }
  std::string content_hash() const override;
  const SourceFiles& source_files() const override { return content_.source_files; }
  const Json& generation_config() const override { return content_.generation_config; }
  void release(std::string_view name) const override;

 private:
  const TensorReader& reader(std::string_view name) const;

  Content content_;
  mutable std::once_flag tokenizer_once_;
  mutable TokenizerSpec tokenizer_;
};

}  // namespace libquant
