#include "libquant/quant/quantized_matrix.h"

#include <cmath>
#include <functional>
#include <string>

#include "libquant/core/error.h"
#include "libquant/core/rng.h"
#include "tests/support/catch.h"
#include "tests/support/schemes.h"

using namespace libquant;

namespace {

QuantizedMatrix random_matrix(const Scheme& scheme, std::size_t rows, std::size_t cols,
                              std::uint64_t seed) {
  Rng rng(seed);
  QuantizedMatrix made = make_quantized(scheme, rows, cols);
  const auto top = static_cast<std::uint64_t>(scheme.max_code());
  for (auto& code : made.codes) code = static_cast<std::uint8_t>(rng.below(top + 1));
  for (auto& scale : made.scales)
    scale = round_to(scheme.scale_type, static_cast<float>(rng.uniform() + 0.01));
  for (auto& zero : made.zeros) zero = static_cast<std::uint8_t>(rng.below(top + 1));
  for (auto& minimum : made.minimums)
    minimum = round_to(scheme.scale_type, static_cast<float>(rng.normal()));
  return made;
}

std::string refusal(const QuantizedMatrix& good,
                    const std::function<void(QuantizedMatrix&)>& harm) {
  QuantizedMatrix bad = good;
  harm(bad);
  try {
    check_quantized(bad, "blk.3.attn_q");
  } catch (const FormatError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("dequantized values are scale * (code - zero) or scale * code + minimum, rounded once",
          "[quant]") {
  for (const int bits : test_support::kAllBits)
    for (const std::size_t group : test_support::kAllGroups)
      for (const ZeroKind zero : test_support::kAllZeros)
        for (const ScaleType type : test_support::kAllScaleTypes) {
          const Scheme scheme{.bits = bits, .group_size = group, .zero = zero, .scale_type = type};
          const QuantizedMatrix matrix = random_matrix(scheme, 3, 256, 9);
          check_quantized(matrix, "random");
          const Matrix values = dequantize(matrix);
          const std::size_t width = group == 0 ? 256 : group;
          for (std::size_t r = 0; r < 3; ++r)
            for (std::size_t c = 0; c < 256; ++c) {
              const std::size_t at = r * (256 / width) + c / width;
              const double scale = matrix.scales[at], code = matrix.codes[r * 256 + c];
              const double want = zero == ZeroKind::symmetric ? scale * (code - (1 << (bits - 1)))
                                  : zero == ZeroKind::asymmetric
                                      ? scale * (code - matrix.zeros[at])
                                      : scale * code + double{matrix.minimums[at]};
              REQUIRE(values(r, c) == static_cast<float>(want));
              REQUIRE(matrix.value(r, c / width, matrix.codes[r * 256 + c]) == values(r, c));
            }
        }
}

TEST_CASE("rows can be dequantized a few at a time into a wider buffer", "[quant]") {
  const QuantizedMatrix matrix =
      random_matrix({.bits = 4, .group_size = 32, .zero = ZeroKind::asymmetric}, 7, 96, 4);
  const Matrix whole = dequantize(matrix);
  Matrix wide(3, 100);
  dequantize_rows(matrix, 2, {wide.data(), 3, 96, 100});
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 96; ++c) REQUIRE(wide(r, c) == whole(r + 2, c));
    for (std::size_t c = 96; c < 100; ++c) CHECK(wide(r, c) == 0);
  }
  CHECK_THROWS_AS(dequantize_rows(matrix, 5, MatrixView{wide.data(), 3, 96, 100}), InvalidArgument);
  CHECK_THROWS_AS(dequantize_rows(matrix, 0, MatrixView{wide.data(), 3, 95, 100}), InvalidArgument);
  CHECK_THROWS_AS(dequantize_rows(matrix, SIZE_MAX, MatrixView{wide.data(), 1, 96, 100}),
                  InvalidArgument);
}

TEST_CASE("columns follow their group index where a file brings one", "[quant]") {
  QuantizedMatrix matrix =
      random_matrix({.bits = 3, .group_size = 32, .zero = ZeroKind::asymmetric}, 2, 96, 5);
  for (std::uint32_t c = 0; c < 96; ++c) matrix.group_of.push_back(c % 3);
  check_quantized(matrix, "act-order");
  const Matrix values = dequantize(matrix);
  for (std::size_t r = 0; r < 2; ++r)
    for (std::size_t c = 0; c < 96; ++c)
      REQUIRE(values(r, c) ==
              matrix.scales[r * 3 + c % 3] *
                  static_cast<float>(matrix.codes[r * 96 + c] - matrix.zeros[r * 3 + c % 3]));
}

TEST_CASE("an inconsistent quantized matrix is refused with tensor and place", "[quant]") {
  const Scheme asymmetric{.bits = 3, .group_size = 32, .zero = ZeroKind::asymmetric, .zero_min = 1};
  QuantizedMatrix good = random_matrix(asymmetric, 4, 64, 6);
  for (auto& zero : good.zeros) zero = 3;
  REQUIRE(refusal(good, [](QuantizedMatrix&) {}).empty());
  const auto refused = [&](const std::function<void(QuantizedMatrix&)>& harm, const char* part) {
    const std::string message = refusal(good, harm);
    INFO(message);
    CHECK(message.find("blk.3.attn_q") != std::string::npos);
    CHECK(message.find(part) != std::string::npos);
  };
  refused([](QuantizedMatrix& m) { m.codes[70] = 8; }, "code 8 at row 1, column 6");
  refused([](QuantizedMatrix& m) { m.codes.pop_back(); }, "255 codes, expected 256");
  refused([](QuantizedMatrix& m) { m.scales.push_back(1); }, "9 scales, expected 8");
  refused([](QuantizedMatrix& m) { m.scales[3] = std::nanf(""); }, "row 1, group 1 is not finite");
  refused([](QuantizedMatrix& m) { m.scales[3] = 0.1f; }, "is not a value of f16");
  refused([](QuantizedMatrix& m) { m.zeros[2] = 0; }, "zero point 0 of row 1, group 0");
  refused([](QuantizedMatrix& m) { m.zeros[2] = 8; }, "zero point 8 of row 1, group 0");
  refused([](QuantizedMatrix& m) { m.zeros.clear(); }, "0 zero points, expected 8");
  refused([](QuantizedMatrix& m) { m.minimums.resize(8); }, "8 minimums, expected 0");
  refused([](QuantizedMatrix& m) { m.group_of.assign(63, 0); }, "63 group indices, expected 64");
  refused([](QuantizedMatrix& m) { m.group_of.assign(64, 2); }, "column 0 is in group 2");
  refused([](QuantizedMatrix& m) { m.scheme.bits = 7; }, "7 bits");
  refused([](QuantizedMatrix& m) { m.cols = 65; }, "does not divide 65 columns");
}
