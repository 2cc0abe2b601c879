#include "libquant/checkpoint/gguf_blocks.h"

#include <vector>

#include "libquant/core/half.h"
#include "libquant/io/ggml_blocks.h"

namespace libquant {

std::optional<Scheme> scheme_of_blocks(DType type) {
  switch (type) {
    case DType::q4_0:
      return Scheme{4, kGgmlBlock, ZeroKind::symmetric, ScaleType::f16, 0};
    case DType::q4_1:
      return Scheme{4, kGgmlBlock, ZeroKind::minimum, ScaleType::f16, 0};
    case DType::q8_0:
      return Scheme{8, kGgmlBlock, ZeroKind::symmetric, ScaleType::f16, 0};
    default:
      return std::nullopt;
  }
}

void unpack_blocks(DType type, std::span<const std::byte> stored, QuantizedMatrix& matrix,
                   std::size_t row) {
  const std::size_t blocks = matrix.cols / kGgmlBlock;
  const std::span codes(matrix.codes.data() + row * matrix.cols, matrix.cols);
  std::vector<std::uint16_t> scales(blocks), minimums(blocks);
  if (type == DType::q4_0) unpack_q4_0(stored, codes, scales);
  if (type == DType::q4_1) unpack_q4_1(stored, codes, scales, minimums);
  if (type == DType::q8_0) unpack_q8_0(stored, codes, scales);
  for (std::size_t b = 0; b < blocks; ++b) {
    matrix.scales[row * blocks + b] = f16_to_f32(scales[b]);
    if (type == DType::q4_1) matrix.minimums[row * blocks + b] = f16_to_f32(minimums[b]);
  }
}

std::optional<DType> block_type_of(const Scheme& scheme, std::size_t cols) {
  if (scheme.scale_type != ScaleType::f16 || scheme.columns_per_group(cols) % kGgmlBlock != 0)
    return std::nullopt;
  if (scheme.zero == ZeroKind::symmetric && scheme.bits == 4) return DType::q4_0;
  if (scheme.zero == ZeroKind::symmetric && scheme.bits == 8) return DType::q8_0;
  if (scheme.zero == ZeroKind::minimum && scheme.bits == 4) return DType::q4_1;
  return std::nullopt;
}

void pack_blocks(const QuantizedMatrix& matrix, std::size_t row, DType type,
                 std::span<std::byte> stored) {
  const std::size_t blocks = matrix.cols / kGgmlBlock;
  const std::size_t per_group = matrix.scheme.columns_per_group(matrix.cols);
  const std::span codes(matrix.codes.data() + row * matrix.cols, matrix.cols);
  std::vector<std::uint16_t> scales(blocks), minimums(blocks);
  for (std::size_t b = 0; b < blocks; ++b) {
    const std::size_t group = row * matrix.groups() + b * kGgmlBlock / per_group;
    scales[b] = f32_to_f16(matrix.scales[group]);
    if (type == DType::q4_1) minimums[b] = f32_to_f16(matrix.minimums[group]);
  }
  if (type == DType::q4_0) pack_q4_0(codes, scales, stored);
  if (type == DType::q4_1) pack_q4_1(codes, scales, minimums, stored);
  if (type == DType::q8_0) pack_q8_0(codes, scales, stored);
}

}  // namespace libquant
