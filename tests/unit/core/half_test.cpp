#include "libquant/core/half.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "tests/support/catch.h"

namespace {

// Value of a binary16 pattern straight from the standard's definition.
double reference_f16(std::uint16_t bits) {
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  if (exponent == 31) return mantissa != 0 ? std::nan("") : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

}  // namespace

TEST_CASE("every binary16 pattern widens to its value and narrows back to itself", "[core]") {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float wide = libquant::f16_to_f32(half);
    const double want = reference_f16(half);
    if (std::isnan(want)) {
      REQUIRE(std::isnan(wide));
      REQUIRE(std::isnan(libquant::f16_to_f32(libquant::f32_to_f16(wide))));
    } else {
      REQUIRE(double{wide} == want);
      REQUIRE(libquant::f32_to_f16(wide) == half);
    }
  }
}

TEST_CASE("narrowing to binary16 rounds to nearest with ties to even", "[core]") {
  for (std::uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const float low = libquant::f16_to_f32(static_cast<std::uint16_t>(bits));
    const float high = libquant::f16_to_f32(static_cast<std::uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;
    REQUIRE(libquant::f32_to_f16(middle) == (bits % 2 == 0 ? bits : bits + 1));
    REQUIRE(libquant::f32_to_f16(std::nextafter(middle, low)) == bits);
    REQUIRE(libquant::f32_to_f16(std::nextafter(middle, high)) == bits + 1);
  }
  CHECK(libquant::f32_to_f16(65519.0f) == 0x7bff);
  CHECK(libquant::f32_to_f16(65520.0f) == 0x7c00);
  CHECK(libquant::f32_to_f16(-1e30f) == 0xfc00);
}

TEST_CASE("bfloat16 widens exactly, narrows to nearest even and keeps NaN", "[core]") {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float wide = libquant::bf16_to_f32(static_cast<std::uint16_t>(bits));
    if (std::isnan(wide)) {
      REQUIRE(std::isnan(libquant::bf16_to_f32(libquant::f32_to_bf16(wide))));
    } else {
      REQUIRE(libquant::f32_to_bf16(wide) == bits);
    }
  }
  CHECK(libquant::f32_to_bf16(1.00390625f) == 0x3f80);  // tie, down to even
  CHECK(libquant::f32_to_bf16(std::nextafter(1.00390625f, 2.0f)) == 0x3f81);
  CHECK(libquant::f32_to_bf16(std::numeric_limits<float>::max()) == 0x7f80);
}
