#include "libquant/io/block_decode.h"

#include <cstdint>

#include "libquant/core/half.h"
#include "libquant/io/bytes.h"

// Layouts are those of ggml-common.h, values those of dequantize_row_* in ggml-quants.c. A scale
// has 11 significant bits, a sub-scale at most 7 and a code at most 6, so every product below is
// exact in fp32: one rounding per value remains, and contraction to FMA cannot change a bit.

namespace libquant {
namespace {

std::uint8_t u8(std::byte value) noexcept { return std::to_integer<std::uint8_t>(value); }

float half_at(const std::byte* at) noexcept { return f16_to_f32(load<std::uint16_t>(at)); }

void decode_q4_0(const std::byte* block, float* out) noexcept {
  const float d = half_at(block);
  for (std::size_t j = 0; j < 16; ++j) {
    const int codes = u8(block[2 + j]);
    out[j] = d * static_cast<float>((codes & 15) - 8);
    out[j + 16] = d * static_cast<float>((codes >> 4) - 8);
  }
}

void decode_q4_1(const std::byte* block, float* out) noexcept {
  const float d = half_at(block), m = half_at(block + 2);
  for (std::size_t j = 0; j < 16; ++j) {
    const int codes = u8(block[4 + j]);
    out[j] = d * static_cast<float>(codes & 15) + m;
    out[j + 16] = d * static_cast<float>(codes >> 4) + m;
  }
}

void decode_q5_0(const std::byte* block, float* out) noexcept {
  const float d = half_at(block);
  const auto high = load<std::uint32_t>(block + 2);
  for (std::size_t j = 0; j < 16; ++j) {
    const std::uint32_t low = u8(block[6 + j]);
    const std::uint32_t first = (low & 15u) | (high >> j & 1u) << 4;
    const std::uint32_t second = low >> 4 | (high >> (j + 16) & 1u) << 4;
    out[j] = d * static_cast<float>(static_cast<int>(first) - 16);
    out[j + 16] = d * static_cast<float>(static_cast<int>(second) - 16);
  }
}

void decode_q5_1(const std::byte* block, float* out) noexcept {
  const float d = half_at(block), m = half_at(block + 2);
  const auto high = load<std::uint32_t>(block + 4);
  for (std::size_t j = 0; j < 16; ++j) {
    const std::uint32_t low = u8(block[8 + j]);
    const std::uint32_t first = (low & 15u) | (high >> j & 1u) << 4;
    const std::uint32_t second = low >> 4 | (high >> (j + 16) & 1u) << 4;
    out[j] = d * static_cast<float>(first) + m;
    out[j + 16] = d * static_cast<float>(second) + m;
  }
}

void decode_q8_0(const std::byte* block, float* out) noexcept {
  const float d = half_at(block);
  for (std::size_t j = 0; j < 32; ++j)
    out[j] = d * static_cast<float>(static_cast<std::int8_t>(u8(block[2 + j])));
}

struct ScaleAndMinimum {
  float scale, minimum;
};

// Eight 6-bit (scale, minimum) pairs of a Q4_K or Q5_K block in 12 bytes: the first four in the low
// six bits of bytes 0-3 and 4-7, the others in the nibbles of bytes 8-11 and the spare top bits.
ScaleAndMinimum k_scale(const std::byte* packed, std::size_t j) noexcept {
  if (j < 4)
    return {static_cast<float>(u8(packed[j]) & 63), static_cast<float>(u8(packed[j + 4]) & 63)};
  const int scale = (u8(packed[j + 4]) & 15) | (u8(packed[j - 4]) >> 6) << 4;
  const int minimum = u8(packed[j + 4]) >> 4 | (u8(packed[j]) >> 6) << 4;
  return {static_cast<float>(scale), static_cast<float>(minimum)};
}

// Q4_K: d, dmin, 12 bytes of sub-scales, 128 bytes; 32 bytes hold sub-block 2k (low nibbles) and
// 2k + 1 (high nibbles). Q5_K has 32 bytes of fifth bits before them: bit s of byte l belongs to
// value l of sub-block s.
template <bool kFiveBits>
void decode_q45_k(const std::byte* block, float* out) noexcept {
  const float d = half_at(block), dmin = half_at(block + 2);
  const std::byte* const fifth = block + 16;
  const std::byte* const nibbles = fifth + (kFiveBits ? 32 : 0);
  for (std::size_t s = 0; s < 8; ++s) {
    const ScaleAndMinimum part = k_scale(block + 4, s);
    const float scale = d * part.scale, minimum = dmin * part.minimum;
    const std::byte* const codes = nibbles + s / 2 * 32;
    for (std::size_t l = 0; l < 32; ++l) {
      int code = s % 2 == 0 ? u8(codes[l]) & 15 : u8(codes[l]) >> 4;
      if constexpr (kFiveBits) code |= (u8(fifth[l]) >> s & 1) << 4;
      out[s * 32 + l] = scale * static_cast<float>(code) - minimum;
    }
  }
}

// Q6_K: 128 bytes of low nibbles, 64 bytes of upper bit pairs, 16 signed sub-scales, d. Each half
// of 128 values takes 64 + 32 bytes and is four runs of 32.
void decode_q6_k(const std::byte* block, float* out) noexcept {
  const float d = half_at(block + 208);
  for (std::size_t run = 0; run < 8; ++run) {
    const std::size_t half = run / 4, part = run % 4;
    const std::byte* const low = block + half * 64 + part % 2 * 32;
    const std::byte* const high = block + 128 + half * 32;
    for (std::size_t l = 0; l < 32; ++l) {
      const int nibble = part < 2 ? u8(low[l]) & 15 : u8(low[l]) >> 4;
      const int code = nibble | (u8(high[l]) >> (2 * part) & 3) << 4;
      const auto scale = static_cast<std::int8_t>(u8(block[192 + run * 2 + l / 16]));
      out[run * 32 + l] = d * static_cast<float>(scale) * static_cast<float>(code - 32);
    }
  }
}

}  // namespace

BlockDecoder block_decoder(DType type) noexcept {
  switch (type) {
    case DType::q4_0:
      return decode_q4_0;
    case DType::q4_1:
      return decode_q4_1;
    case DType::q5_0:
      return decode_q5_0;
    case DType::q5_1:
      return decode_q5_1;
    case DType::q8_0:
      return decode_q8_0;
    case DType::q4_k:
      return decode_q45_k<false>;
    case DType::q5_k:
      return decode_q45_k<true>;
    case DType::q6_k:
      return decode_q6_k;
    default:
      return nullptr;
  }
}

}  // namespace libquant
