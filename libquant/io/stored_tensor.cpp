#include "libquant/io/stored_tensor.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "kernels/elementwise.h"
#include "kernels/threads.h"
#include "libquant/core/error.h"
#include "libquant/io/block_decode.h"
#include "libquant/io/bytes.h"
#include "libquant/io/text.h"

namespace libquant {
namespace {

using RowDecoder = void (*)(const std::byte* row, std::size_t cols, BlockDecoder decode,
                            std::size_t block_bytes, float* out) noexcept;

// Rows in a file need not be aligned to their element type, so 16-bit values pass through a small
// aligned buffer.
template <void (*kWiden)(std::size_t, const std::uint16_t*, float*) noexcept>
void decode_halves(const std::byte* row, std::size_t cols, BlockDecoder, std::size_t,
                   float* out) noexcept {
  std::array<std::uint16_t, 1024> aligned;
  for (std::size_t c = 0; c < cols; c += aligned.size()) {
    const std::size_t count = std::min(aligned.size(), cols - c);
    std::memcpy(aligned.data(), row + 2 * c, 2 * count);
    kWiden(count, aligned.data(), out + c);
  }
}

void decode_singles(const std::byte* row, std::size_t cols, BlockDecoder, std::size_t,
                    float* out) noexcept {
  std::memcpy(out, row, cols * sizeof(float));
}

void decode_doubles(const std::byte* row, std::size_t cols, BlockDecoder, std::size_t,
                    float* out) noexcept {
  for (std::size_t c = 0; c < cols; ++c) out[c] = static_cast<float>(load<double>(row + 8 * c));
}

template <std::size_t kElements>
void decode_blocks(const std::byte* row, std::size_t cols, BlockDecoder decode,
                   std::size_t block_bytes, float* out) noexcept {
  for (std::size_t c = 0; c < cols; c += kElements, row += block_bytes) decode(row, out + c);
}

RowDecoder row_decoder(const StoredTensor& tensor) {
  switch (tensor.dtype) {
    case DType::f64:
      return decode_doubles;
    case DType::f32:
      return decode_singles;
    case DType::f16:
      return decode_halves<kernels::f16_to_f32>;
    case DType::bf16:
      return decode_halves<kernels::bf16_to_f32>;
    default:
      break;
  }
  const DTypeTraits& type = traits(tensor.dtype);
  if (!type.quantized)
    fail<FormatError>("tensor {}: cannot decode {} to fp32: expected a float type",
                      printable(tensor.name), type.name);
  return type.block_elements == 256 ? decode_blocks<256> : decode_blocks<32>;
}

// Bytes of one row, once the tensor's own shape, type and bytes agree.
std::size_t checked_row_bytes(const StoredTensor& tensor) {
  const DTypeTraits& type = traits(tensor.dtype);
  const std::size_t rows = tensor.rows(), cols = tensor.cols();
  // Names are made printable only where they are printed: rows may come one at a time.
  if (cols % type.block_elements != 0)
    fail<InvalidArgument>("tensor {}: {} columns are no multiple of {}'s {}",
                          printable(tensor.name), cols, type.name, type.block_elements);
  const std::size_t row_bytes = cols / type.block_elements * type.block_bytes;
  if (tensor.bytes.size() != rows * row_bytes)
    fail<InvalidArgument>("tensor {}: expected {} bytes for {} x {} of {}, found {}",
                          printable(tensor.name), rows * row_bytes, rows, cols, type.name,
                          tensor.bytes.size());
  return row_bytes;
}

}  // namespace

std::size_t StoredTensor::elements() const noexcept { return rows() * cols(); }

std::size_t StoredTensor::rows() const noexcept {
  std::size_t product = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) product *= shape[i];
  return product;
}

std::size_t StoredTensor::cols() const noexcept { return shape.empty() ? 1 : shape.back(); }

void decode_rows(const StoredTensor& tensor, std::size_t row_begin, MatrixView out) {
  const std::size_t row_bytes = checked_row_bytes(tensor);
  if (out.cols != tensor.cols() || row_begin > tensor.rows() ||
      out.rows > tensor.rows() - row_begin || out.stride < out.cols)
    fail<InvalidArgument>("tensor {}: cannot decode rows [{}, +{}) of {} columns: it is {} x {}",
                          printable(tensor.name), row_begin, out.rows, out.cols, tensor.rows(),
                          tensor.cols());
  const RowDecoder decode = row_decoder(tensor);
  if (out.rows == 0 || out.cols == 0) return;
  const BlockDecoder block = block_decoder(tensor.dtype);
  const std::size_t block_bytes = traits(tensor.dtype).block_bytes;
  const std::byte* const first = tensor.bytes.data() + row_begin * row_bytes;
  const std::size_t rows_per_task = std::max<std::size_t>(1, 16384 / out.cols);
  kernels::parallel_for(out.rows, rows_per_task, [&](std::size_t r) {
    decode(first + r * row_bytes, out.cols, block, block_bytes, out.data + r * out.stride);
  });
}

}  // namespace libquant
