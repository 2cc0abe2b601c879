#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace libquant {

/// Dense bit streams of codes in 32-bit little-endian words: code i of a stream occupies bits
/// [i * bits, (i + 1) * bits), least significant first, across word borders (GPTQ's qweight and
/// qzeros; compressed-tensors since its PR 715). A stream of n codes takes packed_words(n, bits).
/// Sizes are the caller's duty.
constexpr std::size_t packed_words(std::size_t codes, int bits) noexcept {
  return (codes * static_cast<std::size_t>(bits) + 31) / 32;
}

/// One stream after another: codes [streams x length], words [streams x packed_words(length)].
void pack_rows(std::span<const std::uint8_t> codes, std::size_t length, int bits,
               std::span<std::uint32_t> words);
void unpack_row(const std::byte* words, int bits, std::span<std::uint8_t> codes) noexcept;

/// Side by side, as GPTQ stores weights: word w of stream n lies at [w * streams + n]; codes
/// [streams x length] as above.
void pack_columns(std::span<const std::uint8_t> codes, std::size_t length, int bits,
                  std::span<std::uint32_t> words);
/// Streams [begin, begin + count) of `streams`; codes [count x length].
void unpack_columns(const std::byte* words, std::size_t streams, std::size_t begin,
                    std::size_t count, int bits, std::span<std::uint8_t> codes) noexcept;

/// Code `index` of the stream whose words lie `stride` words apart, after adding `add` to its word
/// (only where codes do not cross words).
std::uint8_t packed_code(const std::byte* words, std::size_t stride, std::size_t index, int bits,
                         std::uint32_t add = 0) noexcept;

}  // namespace libquant
