#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace libquant {

/// Blocks of ggml (ggml-common.h, ggml-quants.c) that libquant writes. A block holds 32 consecutive
/// values of a row; codes are one byte each. `d` and `m` are IEEE binary16 bit patterns, one per
/// block. Packing then unpacking gives back every bit, and so does the reverse.
///
/// All functions throw InvalidArgument unless the sizes fit each other (codes: 32 n; scales and
/// minimums: n; blocks: n blocks) and every code is in range.
inline constexpr std::size_t kGgmlBlock = 32;

/// Q4_0, 18 bytes: f16 d, then 16 bytes whose low nibble is value j and high nibble value j + 16.
/// Value = d * (code - 8), codes 0..15.
void pack_q4_0(std::span<const std::uint8_t> codes, std::span<const std::uint16_t> scales,
               std::span<std::byte> blocks);
void unpack_q4_0(std::span<const std::byte> blocks, std::span<std::uint8_t> codes,
                 std::span<std::uint16_t> scales);

/// Q4_1, 20 bytes: f16 d, f16 m, nibbles as in Q4_0. Value = d * code + m, codes 0..15.
void pack_q4_1(std::span<const std::uint8_t> codes, std::span<const std::uint16_t> scales,
               std::span<const std::uint16_t> minimums, std::span<std::byte> blocks);
void unpack_q4_1(std::span<const std::byte> blocks, std::span<std::uint8_t> codes,
                 std::span<std::uint16_t> scales, std::span<std::uint16_t> minimums);

/// Q8_0, 34 bytes: f16 d, then 32 signed bytes. Codes here are unsigned with zero point 128, as in
/// QuantizedMatrix: value = d * (code - 128), codes 0..255.
void pack_q8_0(std::span<const std::uint8_t> codes, std::span<const std::uint16_t> scales,
               std::span<std::byte> blocks);
void unpack_q8_0(std::span<const std::byte> blocks, std::span<std::uint8_t> codes,
                 std::span<std::uint16_t> scales);

/// fp32 to Q8_0 as ggml's quantize_row_q8_0_ref does it: d = max|x| / 127, stored as binary16,
/// codes roundf(x * (1 / d)) with d before that rounding. Throws InvalidArgument for values that
/// are not finite or whose d overflows binary16.
void quantize_q8_0(std::span<const float> values, std::span<std::byte> blocks);

}  // namespace libquant
