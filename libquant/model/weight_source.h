#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/core/matrix.h"
#include "libquant/model/config.h"
#include "libquant/quant/quantized_matrix.h"

namespace libquant {

/// The weights of a model, wherever they lie. Names are Hugging Face's
/// ("model.layers.0.self_attn.q_proj.weight"), rows in Hugging Face's order (GGUF's q/k permutation
/// undone). Const methods are safe from many threads.
class WeightSource {
 public:
  struct Info {
    std::size_t rows = 0;  ///< 1 for vectors
    std::size_t cols = 0;
    std::string type;  ///< "BF16", "Q4_1", "w4g64 symmetric f16": as reports print it
    bool quantized = false;
    std::size_t bytes = 0;  ///< as stored
  };
  virtual ~WeightSource() = default;

  virtual const ModelConfig& config() const = 0;
  /// All tensor names, in canonical order: embeddings, blocks by number, final norm, lm_head.
  virtual std::vector<std::string> names() const = 0;
  virtual bool has(std::string_view name) const = 0;
  /// FormatError naming the tensor when it is missing.
  virtual Info info(std::string_view name) const = 0;
  /// Rows [row_begin, row_begin + out.rows) decoded to fp32.
  virtual void load_rows(std::string_view name, std::size_t row_begin, MatrixView out) const = 0;
  /// The codes of a tensor that is stored in one of libquant's own schemes; empty for anything
  /// else.
  virtual std::optional<QuantizedMatrix> quantized(std::string_view name) const = 0;
  /// Hints that the bytes of a tensor are not needed for now (streaming over mapped files).
  virtual void release(std::string_view /*name*/) const {}
  /// Most frequent stored type of the block matrices ("Q4_1"): how reports call this source.
  virtual std::string type_name() const = 0;

  Matrix load(std::string_view name) const;
};

}  // namespace libquant
