#include "libquant/algorithms/layer_error.h"

#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "libquant/algorithms/rtn.h"
#include "tests/support/catch.h"
#include "tests/support/layer_data.h"
#include "tests/support/thread_count.h"

using namespace libquant;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

namespace {

RowMajor doubles(const Matrix& matrix) {
  RowMajor out(static_cast<Eigen::Index>(matrix.rows()), static_cast<Eigen::Index>(matrix.cols()));
  for (std::size_t i = 0; i < matrix.size(); ++i) out.data()[i] = double{matrix.data()[i]};
  return out;
}

}  // namespace

TEST_CASE("the layer error equals tr((Q-W) H (Q-W)^T) at sizes around the panel edge",
          "[algorithms]") {
  for (const std::size_t size : {32, 96, 256, 288, 544}) {
    const Matrix w = test_support::random_weights(9, size, size);
    Hessian hessian(size);
    hessian.add(test_support::correlated_activations(64, size, size + 1));
    const Metric metric(hessian);
    const QuantizedMatrix q = round_to_nearest(w, {}, {.bits = 3, .group_size = 32}, {});
    RowMajor h = Eigen::Map<const RowMajor>(hessian.lower().data(), static_cast<Eigen::Index>(size),
                                            static_cast<Eigen::Index>(size));
    h = h.selfadjointView<Eigen::Lower>();
    const RowMajor d = doubles(dequantize(q)) - doubles(w);
    const double want = (d * h * d.transpose()).trace();
    const double norm = (doubles(w) * h * doubles(w).transpose()).trace();
    // Of every product in fp32: S and D are rounded to it, and up to size + 1 products are added.
    const double most = static_cast<double>(size + 3) * 0x1p-24;
    const auto absolute = [&](const RowMajor& m) {
      return (m.cwiseAbs() * h.cwiseAbs() * m.cwiseAbs().transpose()).trace();
    };
    CHECK(std::abs(layer_error(w, q, &metric) - want) <= most * absolute(d));
    CHECK(std::abs(layer_norm(w, &metric) - norm) <= most * absolute(doubles(w)));
    // As roundings are as good as independent, little of that is left.
    CHECK(layer_error(w, q, &metric) == Approx(want).epsilon(2e-6));
    CHECK(layer_norm(w, &metric) == Approx(norm).epsilon(2e-6));
    CHECK(layer_error(w, q, nullptr) == Approx(d.squaredNorm()).epsilon(0x1p-23));
    CHECK(layer_norm(w, nullptr) == Approx(doubles(w).squaredNorm()).epsilon(1e-13));
  }
}

TEST_CASE("the layer error has the same bytes at any thread count", "[algorithms]") {
  const Matrix w = test_support::random_weights(150, 288, 1);
  Hessian hessian(288);
  hessian.add(test_support::correlated_activations(64, 288, 2));
  const Metric metric(hessian);
  const QuantizedMatrix q = round_to_nearest(w, {}, {.bits = 4, .group_size = 32}, {});
  const test_support::ThreadCount one(1);
  const double want = layer_error(w, q, &metric);
  for (const int threads : {2, 3}) {
    const test_support::ThreadCount several(threads);
    CHECK(layer_error(w, q, &metric) == want);
  }
}
