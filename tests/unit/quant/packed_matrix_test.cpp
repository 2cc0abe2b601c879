#include "libquant/quant/packed_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/core/rng.h"
#include "tests/support/catch.h"
#include "tests/support/schemes.h"

using namespace libquant;

namespace {

QuantizedMatrix random_matrix(const Scheme& scheme, std::size_t rows, std::size_t cols) {
  Rng rng(rows + cols);
  QuantizedMatrix made = make_quantized(scheme, rows, cols);
  const auto codes = static_cast<std::uint64_t>(scheme.max_code()) + 1;
  for (auto& code : made.codes) code = static_cast<std::uint8_t>(rng.below(codes));
  for (auto& scale : made.scales)
    scale = round_to(scheme.scale_type, static_cast<float>(rng.uniform() - 0.5));
  for (auto& zero : made.zeros) zero = static_cast<std::uint8_t>(rng.below(codes));
  for (auto& minimum : made.minimums)
    minimum = round_to(scheme.scale_type, static_cast<float>(rng.normal()));
  return made;
}

// Groups that own columns here and there, as many each.
QuantizedMatrix in_activation_order(QuantizedMatrix matrix) {
  matrix.group_of.resize(matrix.cols);
  for (std::size_t c = 0; c < matrix.cols; ++c)
    matrix.group_of[c] = static_cast<std::uint32_t>(c % matrix.groups());
  return matrix;
}

Matrix random_inputs(std::size_t rows, std::size_t cols) {
  Rng rng(rows);
  Matrix x(rows, cols);
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(rng.normal());
  return x;
}

bool same_bytes(const Matrix& a, const Matrix& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// -0 is 0: a negative scale times no step.
bool same_values(const Matrix& a, const Matrix& b) {
  return std::equal(a.data(), a.data() + a.size(), b.data());
}

Matrix rows_of(const PackedMatrix& packed) {
  Matrix rows(packed.rows(), packed.cols());
  for (std::size_t r = 0; r < rows.rows(); ++r) packed.copy_row(r, rows.row(r));
  return rows;
}

// Largest error over the largest error that `relative` per product allows; NaN is infinite.
double share_of_bound(const Matrix& y, const Matrix& x, const Matrix& w, double relative) {
  double worst = 0;
  for (std::size_t n = 0; n < x.rows(); ++n)
    for (std::size_t r = 0; r < w.rows(); ++r) {
      double sum = 0, magnitude = 0;
      for (std::size_t c = 0; c < w.cols(); ++c) {
        const double product = double{x(n, c)} * double{w(r, c)};
        sum += product;
        magnitude += std::abs(product);
      }
      const double share = std::abs(double{y(n, r)} - sum) / (relative * magnitude);
      if (!(share <= worst)) worst = std::isnan(share) ? HUGE_VAL : share;
    }
  return worst;
}

}  // namespace

TEST_CASE("packed rows are the dequantized values, in every scheme and in activation order",
          "[quant]") {
  for (const int bits : test_support::kAllBits)
    for (const std::size_t group : test_support::kAllGroups)
      for (const ZeroKind zero : test_support::kAllZeros)
        for (const ScaleType type : test_support::kAllScaleTypes) {
          const Scheme scheme{.bits = bits, .group_size = group, .zero = zero, .scale_type = type};
          for (const bool sorted : {true, false}) {
            const QuantizedMatrix plain = random_matrix(scheme, 19, 256);
            const QuantizedMatrix matrix = sorted ? plain : in_activation_order(plain);
            CAPTURE(to_string(scheme), sorted);
            REQUIRE(PackedMatrix::can_hold(matrix));
            CHECK(same_values(rows_of(PackedMatrix(matrix)), dequantize(matrix)));
          }
        }
}

// An fp32 sum of k products in any order is off by at most about k 2^-24 of their magnitudes; the
// weights themselves are exact. Int8 activations are off by half a step of 1/127 of the largest of
// their group, which may be many times the values of other columns, so no bound relative to the
// products holds; kernels are tested with their own bound in tests/unit/kernels.
TEST_CASE("a packed product is that of the dequantized matrix", "[quant]") {
  const QuantizedMatrix plain =
      random_matrix({.bits = 4, .group_size = 32, .zero = ZeroKind::minimum}, 37, 128);
  for (const QuantizedMatrix& matrix : {plain, in_activation_order(plain)}) {
    const PackedMatrix packed(matrix);
    const Matrix w = dequantize(matrix);
    for (const std::size_t tokens : {1, 3, 40}) {
      const Matrix x = random_inputs(tokens, 128);
      Matrix y(tokens, 37);
      packed.multiply(x, y);
      CHECK(share_of_bound(y, x, w, 128 * 0x1p-24) <= 1);
      Matrix again = y.clone();
      std::vector<float> bias(37);
      std::iota(bias.begin(), bias.end(), 1.0f);
      packed.multiply(x, again, Activations::exact, bias, true);
      for (std::size_t n = 0; n < tokens; ++n)
        for (std::size_t r = 0; r < 37; ++r)
          CHECK(std::abs(again(n, r) - (2 * y(n, r) + bias[r])) <=
                4 * std::numeric_limits<float>::epsilon() *
                    (std::abs(2 * y(n, r)) + std::abs(bias[r])));
    }
  }
}

// The dense kernel adds to what is there product by product, not the finished sum.
TEST_CASE("so is one of many rows, which widens the weights", "[quant]") {
  const QuantizedMatrix plain =
      random_matrix({.bits = 3, .group_size = 64, .zero = ZeroKind::asymmetric}, 75, 192);
  constexpr double kRoundoff = 192 * 0x1p-24;
  constexpr std::size_t kTokens = 1030;
  for (const QuantizedMatrix& matrix : {plain, in_activation_order(plain)}) {
    const PackedMatrix packed(matrix);
    const Matrix w = dequantize(matrix), x = random_inputs(kTokens, 192);
    Matrix y(kTokens, 75);
    packed.multiply(x, y);
    CHECK(share_of_bound(y, x, w, kRoundoff) <= 1);
    Matrix again = y.clone();
    std::vector<float> bias(75);
    std::iota(bias.begin(), bias.end(), 1.0f);
    packed.multiply(x, again, Activations::exact, bias, true);
    for (std::size_t n = 0; n < kTokens; ++n)
      for (std::size_t r = 0; r < 75; ++r) again(n, r) -= y(n, r) + bias[r];
    CHECK(share_of_bound(again, x, w, 4 * kRoundoff) <= 1);
  }
}

TEST_CASE("activations in int8 are near the exact product and not it", "[quant]") {
  const QuantizedMatrix matrix = random_matrix({.bits = 4, .group_size = 64}, 64, 512);
  const PackedMatrix packed(matrix);
  const Matrix w = dequantize(matrix);
  // Inputs of one magnitude in 0.5 .. 1: a step is 1/127, so a product is off by at most 1/127 of
  // itself; with the residual in another 8 bits by at most 1/127/254.
  for (const std::size_t tokens : {1, 16}) {
    Rng rng(5);
    Matrix x(tokens, 512);
    for (std::size_t i = 0; i < x.size(); ++i)
      x.data()[i] = static_cast<float>((rng.below(2) == 0 ? 1 : -1) * (0.5 + rng.uniform() / 2));
    Matrix exact(tokens, 64), rounded(tokens, 64);
    packed.multiply(x, exact);
    packed.multiply(x, rounded, Activations::int8);
    CHECK(!same_bytes(exact, rounded));
    const double step = tokens <= 2 ? 1.0 / 127 / 254 : 1.0 / 127;
    CHECK(share_of_bound(rounded, x, w, step + 512 * 0x1p-24) <= 1);
  }
}

TEST_CASE("a packed matrix takes the bits of its codes and the parameters of its groups",
          "[quant]") {
  for (const int bits : test_support::kAllBits) {
    const PackedMatrix packed(random_matrix({.bits = bits, .group_size = 128}, 64, 1024));
    const int stored = bits == 5 || bits == 6 ? 8 : bits;
    CHECK(packed.stored_bits() == stored);
    CHECK(packed.bytes() == 64 * 1024 / 8 * static_cast<std::size_t>(stored) + 64 * 8 * 2);
  }
}

TEST_CASE("what the kernels cannot hold and what does not fit is refused", "[quant]") {
  QuantizedMatrix uneven =
      in_activation_order(random_matrix({.bits = 4, .group_size = 32}, 16, 64));
  uneven.group_of[0] = 1;
  CHECK_FALSE(PackedMatrix::can_hold(uneven));
  CHECK_THROWS_AS(PackedMatrix(uneven), InvalidArgument);
  const PackedMatrix packed(random_matrix({.bits = 4, .group_size = 32}, 16, 64));
  Matrix x(2, 64), y(2, 16);
  std::vector<float> row(64), narrow(63);
  CHECK_THROWS_AS(packed.multiply(Matrix(2, 63), y), InvalidArgument);
  CHECK_THROWS_AS(packed.multiply(Matrix(3, 64), y), InvalidArgument);
  CHECK_THROWS_AS(packed.multiply(x, y, Activations::exact, std::vector<float>(15)),
                  InvalidArgument);
  CHECK_THROWS_AS(packed.copy_row(16, row), InvalidArgument);
  CHECK_THROWS_AS(packed.copy_row(0, narrow), InvalidArgument);
  CHECK_THROWS_AS(activations_from("int16"), InvalidArgument);
  for (const Activations activations : {Activations::exact, Activations::int8, Activations::bf16})
    CHECK(activations_from(to_string(activations)) == activations);
}
