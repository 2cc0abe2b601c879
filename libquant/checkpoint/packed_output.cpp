#include "libquant/checkpoint/packed_output.h"

#include "libquant/checkpoint/packed_parts.h"

namespace libquant {

std::vector<std::byte> stored_scales(const QuantizedMatrix& matrix, bool by_group,
                                     const std::string& tensor) {
  const std::size_t groups = matrix.groups();
  const DType type = dtype_of(matrix.scheme.scale_type);
  std::vector<float> scales = matrix.scales;
  if (by_group)
    for (std::size_t i = 0; i < scales.size(); ++i)
      scales[i % groups * matrix.rows + i / groups] = matrix.scales[i];
  std::vector<std::byte> stored(row_bytes(type, scales.size()));
  store_row(scales, type, stored, tensor);
  return stored;
}

std::vector<std::uint8_t> transposed(std::span<const std::uint8_t> matrix, std::size_t rows,
                                     std::size_t cols) {
  std::vector<std::uint8_t> result(matrix.size());
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c) result[c * rows + r] = matrix[r * cols + c];
  return result;
}

}  // namespace libquant
