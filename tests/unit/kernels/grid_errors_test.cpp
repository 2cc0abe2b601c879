#include "kernels/grid_errors.h"

#include <algorithm>
#include <cmath>

#include "tests/support/catch.h"
#include "tests/unit/kernels/kernel_test_support.h"

namespace kernels = libquant::kernels;
using namespace libquant::tests;

namespace {

// Far from every rounding boundary the library's fused arithmetic cannot change a code.
double moved_off_ties(double value, const GuardedBuffer<double>& scale,
                      const GuardedBuffer<double>& offset) {
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t k = 0; k < scale.size(); ++k) {
      const double steps = (value - offset[k]) / scale[k];
      if (std::abs(steps - std::floor(steps) - 0.5) > 1e-9) continue;
      value += 1e-6;
      moved = true;
    }
  }
  return value;
}

}  // namespace

TEST_CASE("the errors of many grids equal a plain loop over each, at every count and tail",
          "[kernels]") {
  Rng rng(17);
  for (const std::string& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    for (std::size_t trial = 0; trial < 60; ++trial) {
      const std::size_t count = tail_size(rng, 130), grids = trial;
      const double max_code = static_cast<double>((1 << (1 + rng() % 8)) - 1);
      GuardedBuffer<double> values(count), weights(count), scale(grids), inverse(grids),
          offset(grids), errors(grids);
      fill_uniform(rng, scale, 0.01, 0.5);
      fill_uniform(rng, offset, -2, 0.5);
      fill_uniform(rng, weights, 0, 3);
      fill_uniform(rng, values, -2, 2);
      for (std::size_t k = 0; k < grids; ++k) inverse[k] = 1 / scale[k];
      for (double& value : values) value = moved_off_ties(value, scale, offset);
      for (const bool weighted : {false, true}) {
        std::fill(errors.begin(), errors.end(), std::nan(""));
        kernels::grid_errors_f64(count, values.data(), weighted ? weights.data() : nullptr,
                                 {grids, scale.data(), inverse.data(), offset.data(), max_code},
                                 errors.data());
        for (std::size_t k = 0; k < grids; ++k) {
          double want = 0, size = 0;
          for (std::size_t i = 0; i < count; ++i) {
            const double code =
                std::clamp(std::nearbyint((values[i] - offset[k]) / scale[k]), 0.0, max_code);
            const double miss = scale[k] * code + offset[k] - values[i];
            want += (weighted ? weights[i] : 1.0) * miss * miss;
            // A miss is the difference of numbers of this size, each rounded a few times.
            const double large = std::abs(scale[k] * code) + std::abs(offset[k]) + 2;
            size += (weighted ? weights[i] : 1.0) * (large + std::abs(miss)) * std::abs(miss);
          }
          INFO(isa << ", " << count << " values, grid " << k << " of " << grids);
          REQUIRE(within(errors[k], want, (200 + static_cast<double>(count)) * 0x1p-53 * size));
        }
      }
    }
  }
}

TEST_CASE("values halfway between two grid values take either, at the same error", "[kernels]") {
  for (const std::string& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    const double values[] = {0.25, 0.75, -0.25, 100, -100};
    const double scale = 0.5, inverse = 2, offset = -1;
    double error = -1;
    kernels::grid_errors_f64(3, values, nullptr, {1, &scale, &inverse, &offset, 7}, &error);
    CHECK(error == 3 * 0.25 * 0.25);
    kernels::grid_errors_f64(2, values + 3, nullptr, {1, &scale, &inverse, &offset, 7}, &error);
    CHECK(error == 97.5 * 97.5 + 99.0 * 99.0);
  }
}

TEST_CASE("the sums of one grid equal a plain loop at every count and tail", "[kernels]") {
  Rng rng(18);
  for (const std::string& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    for (std::size_t trial = 0; trial < 200; ++trial) {
      const std::size_t count = tail_size(rng, 130);
      const double most = static_cast<double>((1 << (1 + rng() % 8)) - 1),
                   zero = static_cast<double>(trial % 5);
      GuardedBuffer<double> values(count), weights(count), scale(1), offset(1);
      fill_uniform(rng, scale, 0.01, 0.5);
      fill_uniform(rng, offset, -2, 0.5);
      fill_uniform(rng, weights, 0, 3);
      fill_uniform(rng, values, -2, 2);
      for (double& value : values) value = moved_off_ties(value, scale, offset);
      const bool weighted = trial % 2 == 0;
      const kernels::GridSums got =
          kernels::grid_sums_f64(count, values.data(), weighted ? weights.data() : nullptr,
                                 scale[0], offset[0], most, zero);
      kernels::GridSums want{}, size{};
      for (std::size_t i = 0; i < count; ++i) {
        const double code =
            std::clamp(std::nearbyint((values[i] - offset[0]) / scale[0]), 0.0, most);
        const double miss = scale[0] * code + offset[0] - values[i], q = code - zero;
        const double w = weighted ? weights[i] : 1.0, v = values[i];
        const double large = std::abs(scale[0] * code) + std::abs(offset[0]) + 2;
        const double terms[] = {w * miss * miss, w, w * q, w * q * q, w * v, w * q * v};
        const double sizes[] = {w * (large + std::abs(miss)) * std::abs(miss),
                                w,
                                std::abs(w * q),
                                w * q * q,
                                std::abs(w * v),
                                std::abs(w * q * v)};
        double* const sums[] = {&want.error, &want.w, &want.wq, &want.wqq, &want.wv, &want.wqv};
        double* const sums_of_sizes[] = {&size.error, &size.w,  &size.wq,
                                         &size.wqq,   &size.wv, &size.wqv};
        for (std::size_t k = 0; k < 6; ++k) {
          *sums[k] += terms[k];
          *sums_of_sizes[k] += sizes[k];
        }
      }
      INFO(isa << ", " << count << " values");
      const double unit = (200 + static_cast<double>(count)) * 0x1p-53;
      REQUIRE(within(got.error, want.error, unit * size.error));
      REQUIRE(within(got.w, want.w, unit * size.w));
      REQUIRE(within(got.wq, want.wq, unit * size.wq));
      REQUIRE(within(got.wqq, want.wqq, unit * size.wqq));
      REQUIRE(within(got.wv, want.wv, unit * size.wv));
      REQUIRE(within(got.wqv, want.wqv, unit * size.wqv));
    }
  }
}
