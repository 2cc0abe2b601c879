#include "libquant/io/stored_tensor.h"

#include <bit>
#include <cmath>
#include <limits>

#include "kernels/threads.h"
#include "libquant/core/error.h"
#include "libquant/core/half.h"
#include "libquant/core/rng.h"
#include "tests/support/files.h"
#include "tests/support/paths.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

std::filesystem::path golden(std::string_view name) {
  return std::filesystem::path(test_folder()) / "golden" / "io" / name;
}

StoredTensor tensor_of(DType type, std::vector<std::size_t> shape,
                       std::span<const std::byte> bytes) {
  return {"w", type, std::move(shape), bytes};
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

constexpr DType kBlockTypes[] = {DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,
                                 DType::q8_0, DType::q4_k, DType::q5_k, DType::q6_k};

// Conversion instructions make signalling NaNs quiet: of NaNs only that they are some is promised.
bool same_value(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) ||
         std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

}  // namespace

TEST_CASE("every block type decodes to the bits that ggml's Python package gives", "[io]") {
  for (const DType type : kBlockTypes) {
    INFO(to_string(type));
    const auto blocks = to_bytes(read_file(golden(std::string(to_string(type)) + ".blocks")));
    const auto values = read_values<float>(golden(std::string(to_string(type)) + ".values"));
    REQUIRE(values.size() >= 1000);
    const std::size_t cols = traits(type).block_elements * 2;
    const StoredTensor tensor = tensor_of(type, {values.size() / cols, cols}, blocks);
    Matrix out(tensor.rows(), cols);
    decode_rows(tensor, 0, out);
    CHECK(same_bits({out.data(), out.size()}, values));
  }
}

TEST_CASE("a range of rows decodes into a view with a stride, and nothing else is written",
          "[io]") {
  for (const DType type : kBlockTypes) {
    const auto blocks = to_bytes(read_file(golden(std::string(to_string(type)) + ".blocks")));
    const auto values = read_values<float>(golden(std::string(to_string(type)) + ".values"));
    const std::size_t cols = traits(type).block_elements, rows = values.size() / cols;
    Matrix out(4, cols + 5);
    for (std::size_t i = 0; i < out.size(); ++i) out.data()[i] = 123.0f;
    decode_rows(tensor_of(type, {rows, cols}, blocks), 3, {out.data(), 3, cols, cols + 5});
    for (std::size_t r = 0; r < 3; ++r) {
      CHECK(same_bits(out.row(r).first(cols), std::span(values).subspan((3 + r) * cols, cols)));
      for (const float rest : out.row(r).subspan(cols)) CHECK(rest == 123.0f);
    }
    for (const float rest : out.row(3)) CHECK(rest == 123.0f);
  }
}

TEST_CASE("16-bit floats decode exactly at odd addresses and at lengths around the buffer's",
          "[io]") {
  for (const std::size_t count : {1u, 1023u, 1024u, 1025u, 65536u}) {
    std::string raw(1, 'x');
    for (std::size_t i = 0; i < count; ++i) {
      raw += static_cast<char>(i & 255);
      raw += static_cast<char>(i >> 8);
    }
    const auto bytes = to_bytes(raw);
    const auto odd = std::span(bytes).subspan(1);
    Matrix f16(1, count), bf16(1, count);
    decode_rows(tensor_of(DType::f16, {count}, odd), 0, f16);
    decode_rows(tensor_of(DType::bf16, {count}, odd), 0, bf16);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto bits = static_cast<std::uint16_t>(i);
      wrong += same_value(f16(0, i), f16_to_f32(bits)) ? 0 : 1;
      wrong += same_value(bf16(0, i), bf16_to_f32(bits)) ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("fp32 is copied bit by bit and fp64 is rounded to the nearest", "[io]") {
  const std::vector<float> singles{1.0f, -0.0f, INFINITY, 1e-45f, 3.4e38f, std::nanf("")};
  Matrix out(2, 3);
  decode_rows(tensor_of(DType::f32, {2, 3}, std::as_bytes(std::span(singles))), 0, out);
  CHECK(same_bits({out.data(), out.size()}, singles));
  const std::vector<double> doubles{1.0, 0.1, -1e300, 1 + 0x1p-24, 1 + 0x1p-24 + 0x1p-50, 0x1p-150};
  decode_rows(tensor_of(DType::f64, {2, 3}, std::as_bytes(std::span(doubles))), 0, out);
  const std::vector<float> want{1.0f, 0.1f, -INFINITY, 1.0f, 1.0f + 0x1p-23f, 0.0f};
  CHECK(same_bits({out.data(), out.size()}, want));
}

TEST_CASE("decoding gives the same bits at any number of threads", "[io]") {
  Rng rng(7);
  const std::size_t rows = 301, cols = 512;
  std::vector<std::byte> blocks(rows * cols / 256 * traits(DType::q5_k).block_bytes);
  for (std::byte& byte : blocks) byte = static_cast<std::byte>(rng.below(0x7c));
  const StoredTensor tensor = tensor_of(DType::q5_k, {rows, cols}, blocks);
  Matrix one(rows, cols), many(rows, cols);
  kernels::set_thread_count(1);
  decode_rows(tensor, 0, one);
  kernels::set_thread_count(7);
  decode_rows(tensor, 0, many);
  kernels::set_thread_count(0);
  CHECK(same_bits({one.data(), one.size()}, {many.data(), many.size()}));
}

TEST_CASE("shapes of every rank give rows and columns", "[io]") {
  const auto facts = [](std::vector<std::size_t> shape) {
    const StoredTensor tensor = tensor_of(DType::f32, std::move(shape), {});
    return std::vector<std::size_t>{tensor.rows(), tensor.cols(), tensor.elements()};
  };
  CHECK(facts({}) == std::vector<std::size_t>{1, 1, 1});
  CHECK(facts({5}) == std::vector<std::size_t>{1, 5, 5});
  CHECK(facts({2, 3}) == std::vector<std::size_t>{2, 3, 6});
  CHECK(facts({2, 3, 4}) == std::vector<std::size_t>{6, 4, 24});
  CHECK(facts({0, 3}) == std::vector<std::size_t>{0, 3, 0});
}

TEST_CASE("requests that do not fit the tensor are refused by its name", "[io]") {
  const std::vector<std::byte> bytes(6 * 4);
  StoredTensor tensor = tensor_of(DType::f32, {2, 3}, bytes);
  tensor.name = "blk.0.bad";
  Matrix good(2, 3), wide(2, 4), tall(3, 3);
  CHECK_NOTHROW(decode_rows(tensor, 0, good));
  CHECK_NOTHROW(decode_rows(tensor, 2, good.view().row_range(0, 0)));
  check_mentions(message_of<InvalidArgument>([&] { decode_rows(tensor, 0, wide); }),
                 {"blk.0.bad", "2 x 3"});
  CHECK_THROWS_AS(decode_rows(tensor, 0, tall), InvalidArgument);
  CHECK_THROWS_AS(decode_rows(tensor, 1, good), InvalidArgument);
  CHECK_THROWS_AS(decode_rows(tensor, 3, good.view().row_range(0, 0)), InvalidArgument);
  CHECK_THROWS_AS(decode_rows(tensor, std::numeric_limits<std::size_t>::max(), good),
                  InvalidArgument);

  StoredTensor short_one = tensor;
  short_one.bytes = short_one.bytes.first(23);
  check_mentions(message_of<InvalidArgument>([&] { decode_rows(short_one, 0, good); }),
                 {"blk.0.bad", "expected 24 bytes", "found 23"});
  for (const DType type :
       {DType::i64, DType::i32, DType::i16, DType::i8, DType::u8, DType::boolean}) {
    const std::vector<std::byte> content(6 * traits(type).block_bytes);
    StoredTensor integers = tensor_of(type, {2, 3}, content);
    check_mentions(message_of<FormatError>([&] { decode_rows(integers, 0, good); }),
                   {"tensor w", std::string(to_string(type)), "expected a float type"});
  }
  const StoredTensor ragged = tensor_of(DType::q8_0, {1, 33}, {});
  Matrix row(1, 33);
  check_mentions(message_of<InvalidArgument>([&] { decode_rows(ragged, 0, row); }), {"33", "32"});
}
