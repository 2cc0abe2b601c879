#include "libquant/io/ggml_blocks.h"

#include <bit>
#include <cmath>

#include "libquant/core/error.h"
#include "libquant/core/half.h"
#include "libquant/core/rng.h"
#include "libquant/io/stored_tensor.h"
#include "tests/support/files.h"
#include "tests/support/paths.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

std::filesystem::path golden(std::string_view name) {
  return std::filesystem::path(test_folder()) / "golden" / "io" / name;
}

std::vector<std::uint8_t> random_codes(Rng& rng, std::size_t count, std::uint64_t bound) {
  std::vector<std::uint8_t> codes(count);
  for (auto& code : codes) code = static_cast<std::uint8_t>(rng.below(bound));
  return codes;
}

std::vector<std::uint16_t> random_halves(Rng& rng, std::size_t count) {
  std::vector<std::uint16_t> halves(count);
  for (auto& half : halves)
    half = static_cast<std::uint16_t>(rng.below(0x7c00) | rng.below(2) << 15);
  return halves;
}

Matrix decoded(DType type, std::span<const std::byte> blocks, std::size_t count) {
  Matrix out(1, count);
  decode_rows({"w", type, {count}, blocks}, 0, out);
  return out;
}

}  // namespace

TEST_CASE("blocks packed from codes and scales have exactly these bytes", "[io]") {
  std::vector<std::uint8_t> codes(32);
  for (std::uint8_t j = 0; j < 32; ++j) codes[j] = static_cast<std::uint8_t>(j < 16 ? j : 31 - j);
  const std::vector<std::uint16_t> scale{0x3c01}, minimum{0xbc02};
  std::vector<std::byte> q4_0(18), q4_1(20), q8_0(34);
  pack_q4_0(codes, scale, q4_0);
  pack_q4_1(codes, scale, minimum, q4_1);
  pack_q8_0(codes, scale, q8_0);
  Bytes nibbles, signed_bytes;
  for (unsigned j = 0; j < 16; ++j) nibbles.add(static_cast<std::uint8_t>(j | (15 - j) << 4));
  for (const auto code : codes) signed_bytes.add(static_cast<std::int8_t>(code - 128));
  const std::string d("\x01\x3c"), m("\x02\xbc");
  CHECK(q4_0 == to_bytes(d + nibbles.str()));
  CHECK(q4_1 == to_bytes(d + m + nibbles.str()));
  CHECK(q8_0 == to_bytes(d + signed_bytes.str()));
}

TEST_CASE("packing then unpacking gives back every code, scale and minimum", "[io]") {
  Rng rng(3);
  const std::size_t blocks = 200, count = blocks * 32;
  const auto scales = random_halves(rng, blocks), minimums = random_halves(rng, blocks);
  const auto nibbles = random_codes(rng, count, 16), bytes = random_codes(rng, count, 256);
  std::vector<std::byte> q4_0(blocks * 18), q4_1(blocks * 20), q8_0(blocks * 34);
  pack_q4_0(nibbles, scales, q4_0);
  pack_q4_1(nibbles, scales, minimums, q4_1);
  pack_q8_0(bytes, scales, q8_0);

  std::vector<std::uint8_t> codes(count);
  std::vector<std::uint16_t> d(blocks), m(blocks);
  unpack_q4_0(q4_0, codes, d);
  CHECK((codes == nibbles && d == scales));
  unpack_q4_1(q4_1, codes, d, m);
  CHECK((codes == nibbles && d == scales && m == minimums));
  unpack_q8_0(q8_0, codes, d);
  CHECK((codes == bytes && d == scales));

  SECTION("and decoding them gives scale times code") {
    const Matrix w4_0 = decoded(DType::q4_0, q4_0, count), w4_1 = decoded(DType::q4_1, q4_1, count),
                 w8_0 = decoded(DType::q8_0, q8_0, count);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double scale = double{f16_to_f32(scales[i / 32])};
      const double minimum = double{f16_to_f32(minimums[i / 32])};
      wrong += w4_0(0, i) != static_cast<float>(scale * (nibbles[i] - 8));
      wrong += w4_1(0, i) != static_cast<float>(scale * nibbles[i] + minimum);
      wrong += w8_0(0, i) != static_cast<float>(scale * (bytes[i] - 128));
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("unpacking then packing gives back every byte of arbitrary blocks", "[io]") {
  Rng rng(4);
  const std::size_t blocks = 100;
  std::vector<std::uint8_t> codes(blocks * 32);
  std::vector<std::uint16_t> d(blocks), m(blocks);
  std::vector<std::byte> source(blocks * 34);
  for (std::byte& byte : source) byte = static_cast<std::byte>(rng.below(256));
  for (const std::size_t size : {18u, 20u, 34u}) {
    const auto from = std::span<const std::byte>(source).first(blocks * size);
    std::vector<std::byte> back(from.size());
    if (size == 18) {
      unpack_q4_0(from, codes, d);
      pack_q4_0(codes, d, back);
    } else if (size == 20) {
      unpack_q4_1(from, codes, d, m);
      pack_q4_1(codes, d, m, back);
    } else {
      unpack_q8_0(from, codes, d);
      pack_q8_0(codes, d, back);
    }
    CHECK(std::equal(from.begin(), from.end(), back.begin(), back.end()));
  }
}

TEST_CASE("fp32 quantizes to the Q8_0 blocks that ggml's Python package gives", "[io]") {
  const auto values = read_values<float>(golden("q8_0_source.values"));
  const auto blocks = to_bytes(read_file(golden("q8_0_source.blocks")));
  REQUIRE(values.size() >= 600);
  std::vector<std::byte> out(blocks.size());
  quantize_q8_0(values, out);
  CHECK(out == blocks);
}

TEST_CASE("values too small for a binary16 scale quantize to zero", "[io]") {
  std::vector<float> values(32, 1e-44f);
  values[3] = -1e-42f;
  std::vector<std::byte> out(34, std::byte{0xff});
  quantize_q8_0(values, out);
  CHECK(out == std::vector<std::byte>(34));
}

TEST_CASE("arguments of block functions that do not fit are refused", "[io]") {
  std::vector<std::uint8_t> codes(64);
  std::vector<std::uint16_t> two(2), one(1);
  std::vector<std::byte> blocks(36), wide(40), q8_0(68);
  CHECK_NOTHROW(pack_q4_0(codes, two, blocks));
  CHECK_THROWS_AS(pack_q4_0(codes, one, blocks), InvalidArgument);
  CHECK_THROWS_AS(pack_q4_0(codes, two, wide), InvalidArgument);
  CHECK_THROWS_AS(pack_q4_0(std::span(codes).first(63), two, blocks), InvalidArgument);
  CHECK_THROWS_AS(unpack_q4_0(blocks, std::span(codes).first(32), two), InvalidArgument);
  CHECK_THROWS_AS(pack_q4_1(codes, two, one, wide), InvalidArgument);
  CHECK_THROWS_AS(unpack_q4_1(wide, codes, two, one), InvalidArgument);
  CHECK_THROWS_AS(unpack_q8_0(blocks, codes, two), InvalidArgument);
  codes[40] = 16;
  check_mentions(message_of<InvalidArgument>([&] { pack_q4_0(codes, two, blocks); }),
                 {"Q4_0", "at most 15", "found 16"});
  CHECK_THROWS_AS(pack_q4_1(codes, two, two, wide), InvalidArgument);

  std::vector<float> values(64, 1.0f);
  CHECK_NOTHROW(quantize_q8_0(values, q8_0));
  CHECK_THROWS_AS(quantize_q8_0(values, blocks), InvalidArgument);
  values[33] = NAN;
  check_mentions(message_of<InvalidArgument>([&] { quantize_q8_0(values, q8_0); }), {"finite"});
  values[33] = -INFINITY;
  CHECK_THROWS_AS(quantize_q8_0(values, q8_0), InvalidArgument);
  values[33] = 65504.0f * 128;
  check_mentions(message_of<InvalidArgument>([&] { quantize_q8_0(values, q8_0); }), {"binary16"});
}
