#include "libquant/checkpoint/gguf_blocks.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "libquant/core/half.h"

namespace libquant {
namespace {

constexpr std::size_t kBlock = 32;

float read_f16(const std::byte* bytes) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, bytes, sizeof bits);
  return f16_to_f32(bits);
}

void write_f16(std::byte* bytes, float value) {
  const std::uint16_t bits = f32_to_f16(value);
  std::memcpy(bytes, &bits, sizeof bits);
}

// Low nibbles are the first 16 elements of a block, high nibbles the others.
void unpack_nibbles(const std::byte* stored, std::uint8_t* codes) {
  for (std::size_t j = 0; j < kBlock / 2; ++j) {
    const auto byte = std::to_integer<std::uint8_t>(stored[j]);
    codes[j] = byte & 15;
    codes[j + kBlock / 2] = byte >> 4;
  }
}

void pack_nibbles(const std::uint8_t* codes, std::byte* stored) {
  for (std::size_t j = 0; j < kBlock / 2; ++j)
    stored[j] = static_cast<std::byte>(codes[j] | codes[j + kBlock / 2] << 4);
}

// int8 <-> code with zero 128.
void flip_signs(const std::uint8_t* in, std::uint8_t* out) {
  for (std::size_t j = 0; j < kBlock; ++j) out[j] = in[j] ^ 0x80;
}

}  // namespace

std::optional<Scheme> scheme_of_blocks(DType type) {
  switch (type) {
    case DType::q4_0:
      return Scheme{4, kBlock, ZeroKind::symmetric, ScaleType::f16, 0};
    case DType::q4_1:
      return Scheme{4, kBlock, ZeroKind::minimum, ScaleType::f16, 0};
    case DType::q8_0:
      return Scheme{8, kBlock, ZeroKind::symmetric, ScaleType::f16, 0};
    default:
      return std::nullopt;
  }
}

void unpack_blocks(DType type, std::span<const std::byte> stored, QuantizedMatrix& matrix,
                   std::size_t row) {
  const std::size_t blocks = matrix.cols / kBlock;
  const std::byte* block = stored.data();
  for (std::size_t b = 0; b < blocks; ++b, block += traits(type).block_bytes) {
    std::uint8_t* codes = matrix.codes.data() + row * matrix.cols + b * kBlock;
    matrix.scales[row * blocks + b] = read_f16(block);
    if (type == DType::q8_0) {
      flip_signs(reinterpret_cast<const std::uint8_t*>(block + 2), codes);
    } else if (type == DType::q4_0) {
      unpack_nibbles(block + 2, codes);
    } else {
      matrix.minimums[row * blocks + b] = read_f16(block + 2);
      unpack_nibbles(block + 4, codes);
    }
  }
}

std::optional<DType> block_type_of(const Scheme& scheme, std::size_t cols) {
  if (scheme.scale_type != ScaleType::f16 || scheme.columns_per_group(cols) % kBlock != 0)
    return std::nullopt;
  if (scheme.zero == ZeroKind::symmetric && scheme.bits == 4) return DType::q4_0;
  if (scheme.zero == ZeroKind::symmetric && scheme.bits == 8) return DType::q8_0;
  if (scheme.zero == ZeroKind::minimum && scheme.bits == 4) return DType::q4_1;
  return std::nullopt;
}

void pack_blocks(const QuantizedMatrix& matrix, std::size_t row, DType type,
                 std::span<std::byte> stored) {
  const std::size_t per_group = matrix.scheme.columns_per_group(matrix.cols);
  std::byte* block = stored.data();
  for (std::size_t col = 0; col < matrix.cols; col += kBlock, block += traits(type).block_bytes) {
    const std::uint8_t* codes = matrix.codes.data() + row * matrix.cols + col;
    const std::size_t group = row * matrix.groups() + col / per_group;
    write_f16(block, matrix.scales[group]);
    if (type == DType::q8_0) {
      flip_signs(codes, reinterpret_cast<std::uint8_t*>(block + 2));
    } else if (type == DType::q4_0) {
      pack_nibbles(codes, block + 2);
    } else {
      write_f16(block + 2, matrix.minimums[group]);
      pack_nibbles(codes, block + 4);
    }
  }
}

void quantize_q8_0(std::span<const float> values, std::span<std::byte> stored) {
  std::byte* block = stored.data();
  for (std::size_t begin = 0; begin < values.size(); begin += kBlock, block += kBlock + 2) {
    float largest = 0;
    for (std::size_t j = 0; j < kBlock; ++j)
      largest = std::max(largest, std::abs(values[begin + j]));
    const float d = largest / 127;
    const float inverse = d == 0 ? 0 : 1 / d;
    write_f16(block, d);
    for (std::size_t j = 0; j < kBlock; ++j)
      block[2 + j] =
          static_cast<std::byte>(static_cast<std::int8_t>(std::round(values[begin + j] * inverse)));
  }
}

}  // namespace libquant
