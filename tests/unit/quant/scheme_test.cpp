#include "libquant/quant/scheme.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/core/half.h"
#include "tests/support/catch.h"
#include "tests/support/schemes.h"

using namespace libquant;

namespace {

std::string message_of(const Scheme& scheme, std::size_t cols) {
  try {
    check_scheme(scheme, cols, "blk.0.ffn_up");
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a group that does not divide the columns is refused, naming tensor, group and columns",
          "[quant]") {
  const std::string message = message_of({.bits = 4, .group_size = 128}, 576);
  CHECK(message.find("blk.0.ffn_up") != std::string::npos);
  CHECK(message.find("128") != std::string::npos);
  CHECK(message.find("576") != std::string::npos);
  CHECK(message_of({.bits = 4, .group_size = 64}, 576).empty());
  CHECK(message_of({.bits = 4, .group_size = 0}, 577).empty());
}

TEST_CASE("only the supported bits, groups and zero bounds pass", "[quant]") {
  for (int bits = -1; bits <= 17; ++bits)
    CHECK(message_of({.bits = bits}, 64).empty() == ((bits >= 2 && bits <= 6) || bits == 8));
  for (const std::size_t group : {0, 1, 2, 16, 31, 32, 33, 48, 64, 96, 128, 192, 256, 384})
    CHECK(message_of({.group_size = group}, 384 * 2).empty() ==
          (group == 0 || group == 32 || group == 64 || group == 128));
  CHECK(message_of({.bits = 2, .zero_min = 2}, 64).empty());
  CHECK_FALSE(message_of({.bits = 2, .zero_min = 3}, 64).empty());
  CHECK_FALSE(message_of({.bits = 2, .zero_min = -1}, 64).empty());
  CHECK_FALSE(message_of({.group_size = 0}, 0).empty());
}

TEST_CASE("names of zero kinds and scale types read back, others are refused", "[quant]") {
  for (const ZeroKind kind : test_support::kAllZeros)
    CHECK(zero_kind_from(to_string(kind)) == kind);
  for (const ScaleType type : test_support::kAllScaleTypes)
    CHECK(scale_type_from(to_string(type)) == type);
  CHECK_THROWS_AS(zero_kind_from("sym"), InvalidArgument);
  CHECK_THROWS_AS(scale_type_from("fp16"), InvalidArgument);
  CHECK(to_string(Scheme{}) == "w4g64 symmetric f16");
  CHECK(to_string(Scheme{.bits = 3, .group_size = 0, .zero = ZeroKind::minimum}) ==
        "w3row minimum f16");
}

TEST_CASE("the ends of the stored types are the last values that survive rounding", "[quant]") {
  for (const ScaleType type : test_support::kAllScaleTypes) {
    const float most = largest_finite(type), least = smallest_positive(type);
    CHECK(round_to(type, most) == most);
    CHECK(round_to(type, least) == least);
    CHECK(round_to(type, std::nextafter(least / 2, 0.0f)) == 0);
    if (type != ScaleType::f32)
      CHECK(std::isinf(round_to(type, std::nextafter(most, INFINITY) * (1 + 0x1p-8f))));
  }
}

TEST_CASE("rounding to 16 bits gives what conversion there and back gives", "[quant]") {
  const auto type = GENERATE(ScaleType::f16, ScaleType::bf16);
  CAPTURE(to_string(type));
  const bool half = type == ScaleType::f16;
  const auto widen = half ? f16_to_f32 : bf16_to_f32;
  const auto there_and_back = [&](float value) {
    return widen(half ? f32_to_f16(value) : f32_to_bf16(value));
  };
  // Every finite value with its neighbours in fp32, and the middles between it and the next one.
  std::vector<float> values{std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::max(), 0x1p-149f};
  const auto at_bits = [&](std::uint32_t bits) { return widen(static_cast<std::uint16_t>(bits)); };
  for (std::uint32_t bits = 0; bits < (half ? 0x7c00u : 0x7f80u); ++bits) {
    const float value = at_bits(bits), next = at_bits(bits + 1);
    for (const float at : {value, value + (next - value) / 2})
      for (const float near : {std::nextafter(at, -1.0f), at, std::nextafter(at, 3e38f)})
        values.push_back(near);
  }
  std::size_t wrong = 0;
  for (const float sign : {1.0f, -1.0f}) {
    std::vector<float> rounded(values);
    for (float& value : rounded) value *= sign;
    round_to(type, rounded);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float want = there_and_back(sign * values[i]);
      if (std::bit_cast<std::uint32_t>(rounded[i]) != std::bit_cast<std::uint32_t>(want)) ++wrong;
    }
  }
  CHECK(wrong == 0);
}
