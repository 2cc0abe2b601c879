#include "libquant/checkpoint/bit_packing.h"

#include <vector>

#include "libquant/core/rng.h"
#include "tests/support/catch.h"

using namespace libquant;

namespace {

using Words = std::vector<std::uint32_t>;

// Bit by bit, as the layout is defined.
Words packed_slowly(const std::vector<std::uint8_t>& codes, int bits) {
  Words words(packed_words(codes.size(), bits));
  for (std::size_t i = 0; i < codes.size(); ++i)
    for (int b = 0; b < bits; ++b) {
      const std::size_t position = i * static_cast<std::size_t>(bits) + static_cast<std::size_t>(b);
      words[position / 32] |= static_cast<std::uint32_t>(codes[i] >> b & 1) << position % 32;
    }
  return words;
}

std::vector<std::uint8_t> random_codes(std::size_t count, int bits, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::uint8_t> codes(count);
  for (auto& code : codes) code = static_cast<std::uint8_t>(rng.below(std::uint64_t{1} << bits));
  return codes;
}

const std::byte* bytes_of(const Words& words) { return std::as_bytes(std::span(words)).data(); }

constexpr int kBits[] = {2, 3, 4, 5, 6, 8};

}  // namespace

TEST_CASE("three-bit codes i mod 8 are the golden words of GPTQ", "[checkpoint]") {
  std::vector<std::uint8_t> codes(32);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(i % 8);
  Words words(3);
  pack_rows(codes, 32, 3, words);
  CHECK(words == Words{0x88fac688, 0xc688fac6, 0xfac688fa});
}

TEST_CASE("four-bit integers -8 to 7 are the golden words of compressed-tensors", "[checkpoint]") {
  std::vector<std::uint8_t> codes(16);
  for (int q = -8; q <= 7; ++q)
    codes[static_cast<std::size_t>(q + 8)] = static_cast<std::uint8_t>(q + 8);
  Words words(2);
  pack_rows(codes, 16, 4, words);
  CHECK(words == Words{0x76543210, 0xfedcba98});
}

TEST_CASE("rows of every length pack as the bit-by-bit definition says", "[checkpoint]") {
  for (const int bits : kBits) {
    for (std::size_t length = 1; length <= 70; ++length) {
      INFO(bits << " bits, " << length << " codes");
      const auto codes = random_codes(2 * length, bits, length);
      const std::size_t row = packed_words(length, bits);
      Words words(2 * row);
      pack_rows(codes, length, bits, words);
      for (std::size_t n = 0; n < 2; ++n) {
        const std::vector<std::uint8_t> one(
            codes.begin() + static_cast<std::ptrdiff_t>(n * length),
            codes.begin() + static_cast<std::ptrdiff_t>((n + 1) * length));
        const Words expected = packed_slowly(one, bits);
        CHECK(Words(words.begin() + static_cast<std::ptrdiff_t>(n * row),
                    words.begin() + static_cast<std::ptrdiff_t>((n + 1) * row)) == expected);
        std::vector<std::uint8_t> back(length);
        unpack_row(bytes_of(expected), bits, back);
        CHECK(back == one);
        for (std::size_t i = 0; i < length; ++i)
          CHECK(packed_code(bytes_of(expected), 1, i, bits) == one[i]);
      }
    }
  }
}

TEST_CASE("columns pack like rows laid side by side", "[checkpoint]") {
  for (const int bits : kBits) {
    for (const std::size_t length : {1, 31, 32, 33, 64, 100}) {
      INFO(bits << " bits, " << length << " codes");
      constexpr std::size_t kStreams = 5;
      const auto codes = random_codes(kStreams * length, bits, 7);
      const std::size_t count = packed_words(length, bits);
      Words rows(kStreams * count), columns(kStreams * count);
      pack_rows(codes, length, bits, rows);
      pack_columns(codes, length, bits, columns);
      for (std::size_t n = 0; n < kStreams; ++n)
        for (std::size_t w = 0; w < count; ++w)
          CHECK(columns[w * kStreams + n] == rows[n * count + w]);
      std::vector<std::uint8_t> part(2 * length);
      unpack_columns(bytes_of(columns), kStreams, 2, 2, bits, part);
      CHECK(std::equal(part.begin(), part.end(),
                       codes.begin() + static_cast<std::ptrdiff_t>(2 * length)));
      CHECK(packed_code(bytes_of(columns) + 3 * sizeof(std::uint32_t), kStreams, length - 1,
                        bits) == codes[3 * length + length - 1]);
    }
  }
}
