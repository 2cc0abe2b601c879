#include "libquant/io/ggml_blocks.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "libquant/core/dtype.h"
#include "libquant/core/error.h"
#include "libquant/core/half.h"
#include "libquant/io/bytes.h"

namespace libquant {
namespace {

constexpr std::size_t kNibbles = kGgmlBlock / 2;

void store(std::byte* to, std::uint16_t value) noexcept { std::memcpy(to, &value, sizeof value); }

// Number of blocks, once everything that comes along agrees with it.
std::size_t checked_blocks(DType type, std::size_t codes, std::size_t scales, std::size_t bytes) {
  const std::size_t size = traits(type).block_bytes;
  require(codes % kGgmlBlock == 0 && scales == codes / kGgmlBlock && bytes % size == 0 &&
              bytes / size == scales,
          "{} blocks: {} codes, {} scales and {} bytes do not belong together", to_string(type),
          codes, scales, bytes);
  return scales;
}

void require_nibbles(DType type, std::span<const std::uint8_t> codes) {
  const auto bad = std::find_if(codes.begin(), codes.end(), [](auto code) { return code > 15; });
  require(bad == codes.end(), "{} blocks: expected codes of at most 15, found {}", to_string(type),
          bad == codes.end() ? 0 : *bad);
}

void pack_nibbles(const std::uint8_t* codes, std::byte* to) noexcept {
  for (std::size_t j = 0; j < kNibbles; ++j)
    to[j] = static_cast<std::byte>(codes[j] | codes[j + kNibbles] << 4);
}

void unpack_nibbles(const std::byte* from, std::uint8_t* codes) noexcept {
  for (std::size_t j = 0; j < kNibbles; ++j) {
    codes[j] = std::to_integer<std::uint8_t>(from[j] & std::byte{15});
    codes[j + kNibbles] = std::to_integer<std::uint8_t>(from[j] >> 4);
  }
}

// Signed byte s is the code s + 128; flipping the top bit goes either way.
std::byte flip_sign(std::byte value) noexcept { return value ^ std::byte{0x80}; }

}  // namespace

void pack_q4_0(std::span<const std::uint8_t> codes, std::span<const std::uint16_t> scales,
               std::span<std::byte> blocks) {
  const std::size_t n = checked_blocks(DType::q4_0, codes.size(), scales.size(), blocks.size());
  require_nibbles(DType::q4_0, codes);
  for (std::size_t i = 0; i < n; ++i) {
    std::byte* const block = &blocks[i * 18];
    store(block, scales[i]);
    pack_nibbles(&codes[i * kGgmlBlock], block + 2);
  }
}

void unpack_q4_0(std::span<const std::byte> blocks, std::span<std::uint8_t> codes,
                 std::span<std::uint16_t> scales) {
  const std::size_t n = checked_blocks(DType::q4_0, codes.size(), scales.size(), blocks.size());
  for (std::size_t i = 0; i < n; ++i) {
    const std::byte* const block = &blocks[i * 18];
    scales[i] = load<std::uint16_t>(block);
    unpack_nibbles(block + 2, &codes[i * kGgmlBlock]);
  }
}

void pack_q4_1(std::span<const std::uint8_t> codes, std::span<const std::uint16_t> scales,
               std::span<const std::uint16_t> minimums, std::span<std::byte> blocks) {
  const std::size_t n = checked_blocks(DType::q4_1, codes.size(), scales.size(), blocks.size());
  require(minimums.size() == n, "Q4_1 blocks: expected {} minimums, found {}", n, minimums.size());
  require_nibbles(DType::q4_1, codes);
  for (std::size_t i = 0; i < n; ++i) {
    std::byte* const block = &blocks[i * 20];
    store(block, scales[i]);
    store(block + 2, minimums[i]);
    pack_nibbles(&codes[i * kGgmlBlock], block + 4);
  }
}

void unpack_q4_1(std::span<const std::byte> blocks, std::span<std::uint8_t> codes,
                 std::span<std::uint16_t> scales, std::span<std::uint16_t> minimums) {
  const std::size_t n = checked_blocks(DType::q4_1, codes.size(), scales.size(), blocks.size());
  require(minimums.size() == n, "Q4_1 blocks: expected {} minimums, found {}", n, minimums.size());
  for (std::size_t i = 0; i < n; ++i) {
    const std::byte* const block = &blocks[i * 20];
    scales[i] = load<std::uint16_t>(block);
    minimums[i] = load<std::uint16_t>(block + 2);
    unpack_nibbles(block + 4, &codes[i * kGgmlBlock]);
  }
}

void pack_q8_0(std::span<const std::uint8_t> codes, std::span<const std::uint16_t> scales,
               std::span<std::byte> blocks) {
  const std::size_t n = checked_blocks(DType::q8_0, codes.size(), scales.size(), blocks.size());
  for (std::size_t i = 0; i < n; ++i) {
    std::byte* const block = &blocks[i * 34];
    store(block, scales[i]);
    for (std::size_t j = 0; j < kGgmlBlock; ++j)
      block[2 + j] = flip_sign(std::byte{codes[i * kGgmlBlock + j]});
  }
}

void unpack_q8_0(std::span<const std::byte> blocks, std::span<std::uint8_t> codes,
                 std::span<std::uint16_t> scales) {
  const std::size_t n = checked_blocks(DType::q8_0, codes.size(), scales.size(), blocks.size());
  for (std::size_t i = 0; i < n; ++i) {
    const std::byte* const block = &blocks[i * 34];
    scales[i] = load<std::uint16_t>(block);
    for (std::size_t j = 0; j < kGgmlBlock; ++j)
      codes[i * kGgmlBlock + j] = std::to_integer<std::uint8_t>(flip_sign(block[2 + j]));
  }
}

void quantize_q8_0(std::span<const float> values, std::span<std::byte> blocks) {
  const std::size_t n =
      checked_blocks(DType::q8_0, values.size(), values.size() / kGgmlBlock, blocks.size());
  for (std::size_t i = 0; i < n; ++i) {
    const auto group = values.subspan(i * kGgmlBlock, kGgmlBlock);
    float largest = 0;
    for (const float x : group) {
      require(std::isfinite(x), "Q8_0 blocks: value {} is not finite", x);
      largest = std::max(largest, std::fabs(x));
    }
    const float scale = largest / 127.0f;
    const std::uint16_t stored = f32_to_f16(scale);
    require(stored < 0x7c00, "Q8_0 blocks: scale {} does not fit binary16", scale);
    // ggml has no rule where the inverse overflows (all values below 4e-37): zero is exact there.
    const float inverse = std::isfinite(1.0f / scale) ? 1.0f / scale : 0.0f;
    std::byte* const block = &blocks[i * 34];
    store(block, stored);
    for (std::size_t j = 0; j < kGgmlBlock; ++j)
      block[2 + j] = static_cast<std::byte>(static_cast<int>(std::round(group[j] * inverse)));
  }
}

}  // namespace libquant
