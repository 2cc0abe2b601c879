#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "libquant/core/dtype.h"
#include "libquant/core/matrix.h"

namespace libquant {

/// A tensor as it lies in a file: a view, valid while its file is mapped. `shape` is row-major
/// (outermost first) in both formats; GGUF's reversed dims are turned round by its reader.
struct StoredTensor {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::size_t> shape;
  std::span<const std::byte> bytes;

  std::size_t elements() const noexcept;
  /// Product of all but the last dimension, and the last one (1 x 1 for a scalar).
  std::size_t rows() const noexcept;
  std::size_t cols() const noexcept;
};

/// Decodes rows [row_begin, row_begin + out.rows) to fp32. Floats, and every quantized DType;
/// integer types throw FormatError. `out.cols` must be cols().
void decode_rows(const StoredTensor& tensor, std::size_t row_begin, MatrixView out);

}  // namespace libquant
