#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "libquant/core/matrix.h"
#include "libquant/io/stored_tensor.h"

namespace libquant::fuzz {

/// Decodes the first and the last rows of every tensor that decodes to fp32 and reads the last byte
/// of the others, so that the address sanitizer sees a view that leaves the input.
inline void decode_all(const std::vector<StoredTensor>& tensors) {
  constexpr std::size_t kMaxCols = 1 << 16, kMaxRows = 4;
  volatile std::byte sink{};
  for (const StoredTensor& tensor : tensors) {
    if (!tensor.bytes.empty()) sink = tensor.bytes.back();
    const bool decodes = traits(tensor.dtype).quantized || tensor.dtype <= DType::bf16;
    if (!decodes || tensor.cols() > kMaxCols) continue;
    const std::size_t rows = std::min(tensor.rows(), kMaxRows);
    Matrix out(rows, tensor.cols());
    decode_rows(tensor, 0, out);
    decode_rows(tensor, tensor.rows() - rows, out);
  }
  static_cast<void>(sink);
}

}  // namespace libquant::fuzz
