#include "libquant/linalg/hessian.h"

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/threads.h"
#include "libquant/core/error.h"
#include "tests/support/catch.h"
#include "tests/support/layer_data.h"

using libquant::Hessian;
using libquant::Matrix;
using test_support::correlated_activations;

namespace {

std::vector<double> lower_copy(const Hessian& hessian) {
  const auto lower = hessian.lower();
  return {lower.begin(), lower.end()};
}

}  // namespace

TEST_CASE("the Hessian equals sums of products in double to the precision of its fp32 chunks",
          "[linalg]") {
  const Matrix x = correlated_activations(600, 37, 1);
  Hessian hessian(37);
  hessian.add(x);
  CHECK(hessian.tokens() == 600);
  for (std::size_t i = 0; i < 37; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0, size = 0;
      for (std::size_t t = 0; t < 600; ++t) {
        sum += double{x(t, i)} * double{x(t, j)};
        size += std::abs(double{x(t, i)} * double{x(t, j)});
      }
      // 256 products and sums in fp32: at most 256 roundings of 2^-24 of the summed magnitudes.
      REQUIRE(std::abs(hessian.lower()[i * 37 + j] - sum) <= 256 * 0x1p-24 * size);
    }
}

TEST_CASE("the Hessian's bytes do not depend on how calls split the tokens or on threads",
          "[linalg]") {
  const Matrix x = correlated_activations(1000, 65, 2);
  Hessian whole(65);
  whole.add(x);
  const std::vector<double> want = lower_copy(whole);
  for (const std::size_t step : {1, 7, 255, 256, 257, 300, 512, 999}) {
    for (const int threads : {1, 3}) {
      libquant::kernels::set_thread_count(threads);
      Hessian split(65);
      for (std::size_t begin = 0; begin < x.rows(); begin += step)
        split.add(x.view().row_range(begin, std::min(step, x.rows() - begin)));
      INFO("calls of " << step << " tokens, " << threads << " threads");
      CHECK(split.tokens() == 1000);
      CHECK(lower_copy(split) == want);
    }
  }
  libquant::kernels::set_thread_count(0);
}

TEST_CASE("the Hessian reads rows that are further apart than they are long", "[linalg]") {
  const Matrix wide = correlated_activations(300, 50, 3);
  Matrix narrow(300, 20);
  for (std::size_t t = 0; t < 300; ++t)
    for (std::size_t c = 0; c < 20; ++c) narrow(t, c) = wide(t, c + 5);
  Hessian strided(20), compact(20);
  strided.add({wide.data() + 5, 300, 20, 50});
  compact.add(narrow);
  CHECK(lower_copy(strided) == lower_copy(compact));
}

TEST_CASE("activations that are not finite are refused with their number", "[linalg]") {
  const float odd[] = {std::numeric_limits<float>::quiet_NaN(),
                       -std::numeric_limits<float>::infinity()};
  for (const std::size_t rows : {10, 256, 700}) {
    for (const std::size_t before : {0, 10, 512}) {
      for (const std::size_t at : {std::size_t{0}, rows / 2, rows - 1}) {
        INFO(rows << " rows after " << before << ", the odd ones in row " << at);
        Hessian hit(8);
        hit.add(correlated_activations(before, 8, 4));
        Matrix bad = correlated_activations(rows, 8, 5);
        bad(at, 2) = odd[0];
        bad(rows - 1 - at, 7) = odd[1];
        try {
          hit.add(bad);
          FAIL("accepted");
        } catch (const libquant::Error& error) {
          CHECK(std::string(error.what())
                    .find("2 of " + std::to_string(8 * rows) + " activations are not finite") !=
                std::string::npos);
        }
      }
    }
  }
  CHECK_THROWS_AS(Hessian(8).add(Matrix(3, 9)), libquant::InvalidArgument);
}

TEST_CASE("finite activations whose squares overflow are taken", "[linalg]") {
  Matrix x = correlated_activations(256, 8, 4);
  x(3, 2) = 1e30f;
  Hessian hessian(8);
  hessian.add(x);
  hessian.add(x);
  CHECK(hessian.tokens() == 512);
  CHECK_FALSE(std::isfinite(hessian.diagonal(2)));
  CHECK(std::isfinite(hessian.diagonal(3)));
}
