#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/checkpoint/tensor_specs.h"
#include "libquant/core/dtype.h"
#include "libquant/quant/quantized_matrix.h"

namespace libquant {

using ByteSink = std::function<void(std::span<const std::byte>)>;

/// Name, type and shape of a tensor in an output file.
struct OutputEntry {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::size_t> shape;

  std::size_t bytes() const noexcept;
};

/// One tensor of the model on its way to a file, where it becomes one entry or several.
class OutputTensor {
 public:
  virtual ~OutputTensor() = default;
  virtual std::vector<OutputEntry> entries() const = 0;
  /// Sends the bytes of entries()[part], in pieces.
  virtual void write(std::size_t part, const ByteSink& sink) const = 0;
};

/// Values rounded to `type` (F32, F16, BF16, or Q8_0 in GGUF). With `permuted_head_dim` rows go
/// into GGUF's order. Throws Error naming the tensor when a value overflows the type.
class DenseOutput final : public OutputTensor {
 public:
  DenseOutput(const Checkpoint& source, const TensorSpec& spec, std::string name, DType type,
              std::size_t permuted_head_dim);
  std::vector<OutputEntry> entries() const override;
  void write(std::size_t part, const ByteSink& sink) const override;

 private:
  const Checkpoint& source_;
  TensorSpec spec_;
  std::string name_;
  DType type_;
  std::size_t head_dim_;
};

/// One row of values as stored. `stored` has the row's exact size. Throws Error naming `tensor`.
void store_row(std::span<const float> values, DType type, std::span<std::byte> stored,
               std::string_view tensor);
std::size_t row_bytes(DType type, std::size_t cols) noexcept;

/// Codes of the tensor that was asked for last: writing the parts of one after another reads the
/// source once, and no more than one tensor is held.
class CodesCache {
 public:
  explicit CodesCache(const Checkpoint& source) : source_(source) {}
  const QuantizedMatrix& get(const std::string& name);

 private:
  const Checkpoint& source_;
  std::string name_;
  std::optional<QuantizedMatrix> codes_;
};

}  // namespace libquant
