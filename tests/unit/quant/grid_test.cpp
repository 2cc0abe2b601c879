#include "libquant/quant/grid.h"

#include <cmath>
#include <limits>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/core/rng.h"
#include "tests/support/catch.h"
#include "tests/support/schemes.h"

using namespace libquant;

namespace {

double through(double value, const GroupParameters& parameters, const Scheme& scheme) {
  return code_value(nearest_code(value, parameters, scheme), parameters, scheme);
}

void check_sound(const GroupParameters& p, const Scheme& scheme) {
  CHECK(std::isfinite(p.scale));
  CHECK(p.scale > 0);
  CHECK(std::isfinite(p.minimum));
  CHECK(round_to(scheme.scale_type, p.scale) == p.scale);
  CHECK(round_to(scheme.scale_type, p.minimum) == p.minimum);
  CHECK(int{p.zero} <= scheme.max_code());
  if (scheme.zero == ZeroKind::asymmetric) CHECK(int{p.zero} >= scheme.zero_min);
  if (scheme.zero == ZeroKind::symmetric) CHECK(int{p.zero} == scheme.symmetric_zero());
}

const std::vector<double> kPositive{0.0125, 0.1276, 0.03, 0.07, 0.11, 0.001, 0.09, 0.05};

}  // namespace

TEST_CASE("a symmetric group of positive weights keeps its largest one: .1276 becomes .1191",
          "[quant]") {
  const Scheme scheme{.bits = 4, .group_size = 0, .scale_type = ScaleType::f32};
  const GroupParameters fitted = fit_group(kPositive, {}, scheme, {});
  CHECK(double{fitted.scale} == Approx(2 * 0.1276 / 15).epsilon(1e-6));
  CHECK(nearest_code(0.1276, fitted, scheme) == 15);
  CHECK(through(0.1276, fitted, scheme) == Approx(0.1276 * 14 / 15).epsilon(1e-6));
  CHECK(through(0.1276, fitted, scheme) == Approx(0.1191).margin(5e-5));
}

TEST_CASE("a symmetric grid uses its negative end: the most negative weight may take code 0",
          "[quant]") {
  const Scheme scheme{.bits = 4, .group_size = 0, .scale_type = ScaleType::f16};
  std::vector<double> values(kPositive);
  for (double& value : values) value = -value;
  const GroupParameters fitted = fit_group(values, {}, scheme, {.steps = 80, .norm = 2});
  CHECK(nearest_code(-0.1276, fitted, scheme) == 0);
  CHECK(through(-0.1276, fitted, scheme) == Approx(-0.1276).epsilon(0.02));
}

TEST_CASE("two-bit symmetric search reaches the largest positive weight exactly when that is best",
          "[quant]") {
  const Scheme scheme{.bits = 2, .group_size = 0};
  const std::vector<double> values{1.0, 1.0, 1.0, 0.0, 0.0, -1.0, 1.0, 0.0};
  const GroupParameters fitted = fit_group(values, {}, scheme, {.steps = 20, .norm = 2});
  CHECK(fitted.scale == 1.0f);
  for (const double value : values) CHECK(through(value, fitted, scheme) == value);
}

TEST_CASE("every value is within half a step, or half a step outside a symmetric end, of the grid",
          "[quant]") {
  Rng rng(3);
  for (const int bits : test_support::kAllBits)
    for (const ZeroKind zero : test_support::kAllZeros)
      for (const int zero_min : {0, 1})
        for (int trial = 0; trial < 20; ++trial) {
          const Scheme scheme{.bits = bits,
                              .group_size = 0,
                              .zero = zero,
                              .scale_type = ScaleType::f32,
                              .zero_min = zero_min};
          std::vector<double> values(64);
          const double shift = trial % 4 - 1.5;
          for (double& value : values) value = rng.normal() + 3 * shift;
          const GroupParameters fitted = fit_group(values, {}, scheme, {});
          check_sound(fitted, scheme);
          // A rounded zero moves the range by at most half a step; the scale's rounding to 24 bits
          // moves the last of 255 steps by 255 * 2^-24.
          const double most = zero == ZeroKind::asymmetric ? 1.0 : 0.5;
          for (const double value : values) {
            INFO(to_string(scheme) << " zero_min " << zero_min << " value " << value);
            REQUIRE(std::abs(through(value, fitted, scheme) - value) <=
                    most * fitted.scale * (1 + 2e-5));
          }
        }
}

TEST_CASE("a zero point that the format forbids is raised and the range kept", "[quant]") {
  const Scheme scheme{.bits = 4,
                      .group_size = 0,
                      .zero = ZeroKind::asymmetric,
                      .scale_type = ScaleType::f32,
                      .zero_min = 1};
  const GroupParameters fitted = fit_group(kPositive, {}, scheme, {});
  CHECK(int{fitted.zero} == 1);
  CHECK(through(0.1276, fitted, scheme) == Approx(0.1276).epsilon(1e-6));
  Scheme free = scheme;
  free.zero_min = 0;
  CHECK(int{fit_group(kPositive, {}, free, {}).zero} == 0);
}

TEST_CASE("an all-zero group is exact with every scheme, bound and search", "[quant]") {
  const std::vector<double> zeros(64, 0.0);
  for (const int bits : test_support::kAllBits)
    for (const ZeroKind zero : test_support::kAllZeros)
      for (const ScaleType type : test_support::kAllScaleTypes)
        for (const int zero_min : {0, 1})
          for (const int steps : {0, 80}) {
            const Scheme scheme{.bits = bits,
                                .group_size = 64,
                                .zero = zero,
                                .scale_type = type,
                                .zero_min = zero_min};
            const GroupParameters fitted = fit_group(zeros, {}, scheme, {.steps = steps});
            check_sound(fitted, scheme);
            CHECK(through(0, fitted, scheme) == 0);
          }
}

TEST_CASE("a group of one equal value is exact where the stored type holds it, else nearly so",
          "[quant]") {
  for (const int bits : test_support::kAllBits)
    for (const ZeroKind zero : test_support::kAllZeros)
      for (const ScaleType type : test_support::kAllScaleTypes)
        for (const double value : {0.75, -0.75, 3.0, -0.0625, 0.1, -0.1, 1e-3, -7.3}) {
          const Scheme scheme{.bits = bits,
                              .group_size = 0,
                              .zero = zero,
                              .scale_type = type,
                              .zero_min = zero == ZeroKind::asymmetric ? 1 : 0};
          const double as_weight = static_cast<float>(value);
          const GroupParameters fitted =
              fit_group(std::vector<double>(32, as_weight), {}, scheme, {.steps = 20});
          INFO(to_string(scheme) << " value " << value << " scale " << fitted.scale);
          check_sound(fitted, scheme);
          const double got = through(as_weight, fitted, scheme);
          if (static_cast<double>(round_to(type, static_cast<float>(as_weight))) == as_weight)
            CHECK(got == as_weight);
          // Half an ulp of the scale, relative; below f16's normal range its spacing is 2^-24.
          const double ulp = type == ScaleType::f16
                                 ? std::max<double>(0x1p-11, 0x1p-25 / fitted.scale)
                             : type == ScaleType::bf16 ? 0x1p-8
                                                       : 0x1p-24;
          CHECK(std::abs(got - as_weight) <= ulp * std::abs(as_weight));
        }
}

TEST_CASE("scales and minimums at the ends of their types stay finite and positive", "[quant]") {
  for (const int bits : test_support::kAllBits)
    for (const ZeroKind zero : test_support::kAllZeros)
      for (const ScaleType type : test_support::kAllScaleTypes)
        for (const double magnitude : {1e-45, 1e-40, 1e-30, 1e-9, 3e-8, 1e-5, 6e4, 1e6, 1e30, 3e38})
          for (const int steps : {0, 20}) {
            const Scheme scheme{.bits = bits, .group_size = 0, .zero = zero, .scale_type = type};
            const double m = static_cast<float>(magnitude);
            for (const auto& values :
                 {std::vector<double>{m, -m, m / 2, 0.0, -m / 3},
                  std::vector<double>{m, m / 2, m / 4}, std::vector<double>{-m, -m / 2},
                  std::vector<double>{m, m}, std::vector<double>{-m}}) {
              const GroupParameters fitted = fit_group(values, {}, scheme, {.steps = steps});
              INFO(to_string(scheme) << " magnitude " << magnitude);
              check_sound(fitted, scheme);
              for (const double value : values)
                REQUIRE(std::isfinite(through(value, fitted, scheme)));
            }
          }
}

TEST_CASE("ties go to the even step and values beyond the grid to its ends", "[quant]") {
  const Scheme scheme{.bits = 3, .group_size = 0, .zero = ZeroKind::asymmetric};
  const GroupParameters grid{.scale = 0.5f, .zero = 2};
  const auto code = [&](double value) { return int{nearest_code(value, grid, scheme)}; };
  CHECK(code(0.25) == 2);  // 2.5
  CHECK(code(0.75) == 4);  // 3.5
  CHECK(code(-0.25) == 2);
  CHECK(code(-0.75) == 0);  // 0.5
  CHECK(code(0.25 + 0x1p-50) == 3);
  CHECK(code(1e300) == 7);
  CHECK(code(-1e300) == 0);
  CHECK(code_value(7, grid, scheme) == 2.5);
  CHECK(code_value(0, grid, scheme) == -1.0);
  const Scheme minimum{.bits = 4, .group_size = 0, .zero = ZeroKind::minimum};
  CHECK(code_value(3, {.scale = 0.25f, .minimum = -1.5f}, minimum) == -0.75);
}

TEST_CASE("scale rounding happens before codes are chosen", "[quant]") {
  // The exact scale 2/7 is between two bfloat16 values; 3.5 of its steps and 3.5 of the rounded
  // ones fall on different sides of a value just above 1.
  const Scheme scheme{.bits = 3, .group_size = 0, .scale_type = ScaleType::bf16};
  const std::vector<double> values{1.0, -1.0, 0.5};
  const GroupParameters fitted = fit_group(values, {}, scheme, {});
  REQUIRE(double{fitted.scale} != 2.0 / 7);
  const double edge = 1.5 * fitted.scale;
  const double exact_edge = 1.5 * (2.0 / 7);
  const double between = (edge + exact_edge) / 2;
  CHECK(int{nearest_code(between, fitted, scheme)} == (edge < exact_edge ? 6 : 5));
}

TEST_CASE("weights of the clip search move the range towards what matters", "[quant]") {
  const Scheme scheme{.bits = 3, .group_size = 0};
  std::vector<double> values(64, 0.0), even(64, 1.0), outlier(64, 1e-3);
  Rng rng(1);
  for (double& value : values) value = rng.normal();
  values[5] = 12;
  outlier[5] = 1e6;
  const ClipSearch clip{.steps = 80, .norm = 2};
  const float without = fit_group(values, even, scheme, clip).scale;
  CHECK(without == fit_group(values, {}, scheme, clip).scale);
  const float with = fit_group(values, outlier, scheme, clip).scale;
  CHECK(with > without);
  CHECK(with == 4.0f);  // 12 is then the top code, exactly
}

TEST_CASE("a clip search with impossible numbers is refused", "[quant]") {
  CHECK_NOTHROW(check_clip({}));
  CHECK_NOTHROW(check_clip({.steps = 255, .max_shrink = 0.99, .norm = 1}));
  CHECK_THROWS_AS(check_clip({.steps = -1}), InvalidArgument);
  CHECK_THROWS_AS(check_clip({.steps = 256}), InvalidArgument);
  CHECK_THROWS_AS(check_clip({.steps = 1, .max_shrink = 1.0}), InvalidArgument);
  CHECK_THROWS_AS(check_clip({.steps = 1, .max_shrink = -0.1}), InvalidArgument);
  CHECK_THROWS_AS(check_clip({.steps = 1, .norm = 0.5}), InvalidArgument);
  CHECK_THROWS_AS(check_clip({.steps = 1, .norm = std::nan("")}), InvalidArgument);
}
