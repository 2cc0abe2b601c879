#include "libquant/stats/distance.h"

#include <cmath>
#include <vector>

#include "libquant/core/error.h"
#include "tests/support/catch.h"

namespace {

const std::vector<double> kP{0.7, 0.2, 0.1}, kQ{0.5, 0.3, 0.2};

}  // namespace

TEST_CASE("divergences and entropy give the published test vectors", "[stats]") {
  CHECK(libquant::kl_divergence(kP, kQ) == Approx(0.085123).margin(5e-7));
  CHECK(libquant::js_divergence(kP, kQ) == Approx(0.021901).margin(5e-7));
  CHECK(libquant::js_distance(kP, kQ) == Approx(0.177755).margin(5e-7));
  CHECK(libquant::entropy_bits(kP) == Approx(1.156780).margin(5e-7));
}

TEST_CASE("divergences of equal and of disjoint distributions are at their limits", "[stats]") {
  CHECK(libquant::kl_divergence(kP, kP) == 0);
  CHECK(libquant::js_distance(kQ, kQ) == 0);
  const std::vector<double> left{1, 0}, right{0, 1};
  CHECK(std::isinf(libquant::kl_divergence(left, right)));
  CHECK(libquant::js_distance(left, right) == Approx(1));
}

TEST_CASE("softmax at temperature 0.3 sharpens as computed by hand and survives huge logits",
          "[stats]") {
  const std::vector<double> logs{std::log(0.7), std::log(0.2), std::log(0.1)};
  const auto sharp = libquant::softmax(logs, 0.3);
  CHECK(sharp[0] == Approx(0.983395).margin(5e-7));
  CHECK(sharp[1] == Approx(0.015107).margin(5e-7));
  CHECK(sharp[2] == Approx(0.001499).margin(5e-7));
  const auto extreme = libquant::softmax(std::vector<double>{1e6, 0.0, -INFINITY});
  CHECK(extreme[0] == 1);
  CHECK(extreme[2] == 0);
  CHECK_THROWS_AS(libquant::softmax(std::vector<double>{NAN, 0.0}), libquant::InvalidArgument);
}

TEST_CASE("what is no distribution is refused", "[stats]") {
  CHECK_THROWS_AS(libquant::kl_divergence(kP, std::vector<double>{0.5, 0.5}),
                  libquant::InvalidArgument);
  CHECK_THROWS_AS(libquant::entropy_bits(std::vector<double>{0.5, 0.6}), libquant::InvalidArgument);
  CHECK_THROWS_AS(libquant::entropy_bits(std::vector<double>{NAN, 1.0}), libquant::InvalidArgument);
}

TEST_CASE("calibration errors of a hand-made set", "[stats]") {
  // Bin (0.8, 0.9]: confidence 0.85 twice, one right: |1 - 1.7| / 4; bin 0.3: both wrong: 0.6 / 4.
  const std::vector<libquant::Prediction> predictions{
      {0.85, true}, {0.85, false}, {0.3, false}, {0.3, false}};
  CHECK(libquant::expected_calibration_error(predictions) == Approx((0.7 + 0.6) / 4));
  CHECK(libquant::adaptive_calibration_error(predictions, 2) == Approx((0.7 + 0.6) / 4));
  CHECK(libquant::adaptive_calibration_error(predictions, 1) == Approx((2.3 - 1) / 4));
}
