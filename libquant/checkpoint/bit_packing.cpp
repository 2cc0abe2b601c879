#include "libquant/checkpoint/bit_packing.h"

#include <algorithm>
#include <cstring>

namespace libquant {
namespace {

// 32 codes take exactly `bits` words, so chunks of 32 start at word borders.
constexpr std::size_t kChunk = 32;

std::uint32_t load_word(const std::byte* words, std::size_t index) noexcept {
  std::uint32_t word = 0;
  std::memcpy(&word, words + index * sizeof word, sizeof word);
  return word;
}

// Where codes do not cross words. With the width known, the loops unroll.
template <int kBits>
void pack_whole(const std::uint8_t* codes, std::uint32_t* words, std::size_t stride) noexcept {
  constexpr std::size_t kCodes = 32 / kBits;
  for (std::size_t i = 0; i < kChunk; i += kCodes, words += stride) {
    std::uint32_t word = 0;
    for (std::size_t j = 0; j < kCodes; ++j) word |= std::uint32_t{codes[i + j]} << (j * kBits);
    *words = word;
  }
}

template <int kBits>
void unpack_whole(const std::byte* words, std::size_t stride, std::uint8_t* codes) noexcept {
  constexpr std::size_t kCodes = 32 / kBits;
  for (std::size_t i = 0; i < kChunk; i += kCodes, words += stride * sizeof(std::uint32_t)) {
    const std::uint32_t word = load_word(words, 0);
    for (std::size_t j = 0; j < kCodes; ++j)
      codes[i + j] = static_cast<std::uint8_t>(word >> (j * kBits) & ((1u << kBits) - 1));
  }
}

void pack_chunk(const std::uint8_t* codes, std::size_t count, int bits, std::uint32_t* words,
                std::size_t stride) noexcept {
  if (bits == 4 && count == kChunk) return pack_whole<4>(codes, words, stride);
  if (bits == 8 && count == kChunk) return pack_whole<8>(codes, words, stride);
  std::uint64_t pending = 0;
  int held = 0;
  for (std::size_t i = 0; i < count; ++i) {
    pending |= std::uint64_t{codes[i]} << held;
    held += bits;
    if (held >= 32) {
      *words = static_cast<std::uint32_t>(pending);
      words += stride;
      pending >>= 32;
      held -= 32;
    }
  }
  if (held > 0) *words = static_cast<std::uint32_t>(pending);
}

void unpack_chunk(const std::byte* words, std::size_t stride, std::size_t count, int bits,
                  std::uint8_t* codes) noexcept {
  if (bits == 4 && count == kChunk) return unpack_whole<4>(words, stride, codes);
  if (bits == 8 && count == kChunk) return unpack_whole<8>(words, stride, codes);
  const std::uint32_t mask = (1u << bits) - 1;
  std::uint64_t pending = 0;
  int held = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (held < bits) {
      pending |= std::uint64_t{load_word(words, 0)} << held;
      words += stride * sizeof(std::uint32_t);
      held += 32;
    }
    codes[i] = static_cast<std::uint8_t>(pending & mask);
    pending >>= bits;
    held -= bits;
  }
}

}  // namespace

void pack_rows(std::span<const std::uint8_t> codes, std::size_t length, int bits,
               std::span<std::uint32_t> words) {
  const std::size_t streams = codes.size() / length, row_words = packed_words(length, bits);
  for (std::size_t n = 0; n < streams; ++n)
    for (std::size_t i = 0; i < length; i += kChunk)
      pack_chunk(codes.data() + n * length + i, std::min(kChunk, length - i), bits,
                 words.data() + n * row_words + packed_words(i, bits), 1);
}

void unpack_row(const std::byte* words, int bits, std::span<std::uint8_t> codes) noexcept {
  unpack_chunk(words, 1, codes.size(), bits, codes.data());
}

void pack_columns(std::span<const std::uint8_t> codes, std::size_t length, int bits,
                  std::span<std::uint32_t> words) {
  const std::size_t streams = codes.size() / length;
  for (std::size_t i = 0; i < length; i += kChunk)
    for (std::size_t n = 0; n < streams; ++n)
      pack_chunk(codes.data() + n * length + i, std::min(kChunk, length - i), bits,
                 words.data() + packed_words(i, bits) * streams + n, streams);
}

void unpack_columns(const std::byte* words, std::size_t streams, std::size_t begin,
                    std::size_t count, int bits, std::span<std::uint8_t> codes) noexcept {
  const std::size_t length = codes.size() / count;
  for (std::size_t i = 0; i < length; i += kChunk)
    for (std::size_t n = 0; n < count; ++n)
      unpack_chunk(words + (packed_words(i, bits) * streams + begin + n) * sizeof(std::uint32_t),
                   streams, std::min(kChunk, length - i), bits, codes.data() + n * length + i);
}

std::uint8_t packed_code(const std::byte* words, std::size_t stride, std::size_t index, int bits,
                         std::uint32_t add) noexcept {
  const std::size_t bit = index * static_cast<std::size_t>(bits);
  const std::size_t word = bit / 32, shift = bit % 32;
  std::uint64_t value = load_word(words, word * stride) + add;
  if (shift + static_cast<std::size_t>(bits) > 32)
    value |= std::uint64_t{load_word(words, (word + 1) * stride)} << 32;
  return static_cast<std::uint8_t>((value >> shift) & ((1u << bits) - 1));
}

}  // namespace libquant
