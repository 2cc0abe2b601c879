#include "libquant/algorithms/scale_refit.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <vector>

#include "libquant/algorithms/quantize_layer.h"
#include "libquant/algorithms/rtn.h"
#include "libquant/core/error.h"
#include "tests/support/catch.h"
#include "tests/support/layer_data.h"
#include "tests/support/schemes.h"
#include "tests/support/thread_count.h"

using namespace libquant;
using test_support::correlated_activations;
using test_support::random_weights;

namespace {

constexpr double kDamping = 0.01;

// S + lambda I as the manual states it, whole.
Eigen::MatrixXd metric_of(const Hessian& hessian) {
  const auto n = static_cast<Eigen::Index>(hessian.size());
  Eigen::MatrixXd h =
      Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
          hessian.lower().data(), n, n);
  h = h.selfadjointView<Eigen::Lower>();
  double mean = 0, live = 0;
  for (Eigen::Index i = 0; i < n; ++i)
    if (h(i, i) != 0) mean += h(i, i), ++live;
  mean /= live;
  for (Eigen::Index i = 0; i < n; ++i) h(i, i) += (h(i, i) == 0 ? mean : 0) + kDamping * mean;
  return h;
}

Eigen::VectorXd difference(const QuantizedMatrix& q, const Matrix& w, std::size_t row) {
  const Matrix values = dequantize(q);
  Eigen::VectorXd d(static_cast<Eigen::Index>(w.cols()));
  for (std::size_t c = 0; c < w.cols(); ++c)
    d(static_cast<Eigen::Index>(c)) = double{values(row, c)} - double{w(row, c)};
  return d;
}

double error_of(const QuantizedMatrix& q, const Matrix& w, const Eigen::MatrixXd& s) {
  double sum = 0;
  for (std::size_t r = 0; r < w.rows(); ++r) {
    const Eigen::VectorXd d = difference(q, w, r);
    sum += d.dot(s * d);
  }
  return sum;
}

// The columns v_k of a row, whole rows long: its weights are this matrix times its parameters.
Eigen::MatrixXd vectors_of(const QuantizedMatrix& q, std::size_t row) {
  const bool minimum = q.scheme.zero == ZeroKind::minimum;
  const auto groups = static_cast<Eigen::Index>(q.groups());
  Eigen::MatrixXd v =
      Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(q.cols), minimum ? 2 * groups : groups);
  for (std::size_t c = 0; c < q.cols; ++c) {
    const auto at = static_cast<Eigen::Index>(c), g = static_cast<Eigen::Index>(q.group(c));
    v(at, g) = q.codes[row * q.cols + c] - static_cast<double>(q.parameters(row, q.group(c)).zero);
    if (minimum) v(at, groups + g) = 1;
  }
  return v;
}

struct Case {
  Matrix w;
  Hessian hessian;
  QuantizedMatrix rounded;
};

Case make_case(std::size_t rows, std::size_t cols, const Scheme& scheme, std::uint64_t seed) {
  Case made{random_weights(rows, cols, seed), Hessian(cols), {}};
  made.hessian.add(correlated_activations(3 * cols, cols, seed + 1));
  made.rounded = round_to_nearest(made.w, {}, scheme, {});
  return made;
}

}  // namespace

TEST_CASE("a refit finds the least squares of every row with its codes as they are",
          "[algorithms]") {
  for (const ZeroKind zero : test_support::kAllZeros)
    for (const std::size_t group : {std::size_t{32}, std::size_t{64}, std::size_t{0}}) {
      // fp32 scales: what is compared is the solution, not its rounding.
      const Scheme scheme{
          .bits = 3, .group_size = group, .zero = zero, .scale_type = ScaleType::f32};
      const Case given = make_case(70, 192, scheme, 3);
      QuantizedMatrix refitted = given.rounded;
      const Metric metric(given.hessian);
      const ScaleRefit report = refit_scales(given.w, metric, kDamping, refitted);
      check_quantized(refitted, "layer");
      CHECK(refitted.codes == given.rounded.codes);
      CHECK(refitted.zeros == given.rounded.zeros);

      const Eigen::MatrixXd s = metric_of(given.hessian);
      double best = 0;
      for (std::size_t r = 0; r < 70; ++r) {
        const Eigen::MatrixXd v = vectors_of(given.rounded, r);
        Eigen::VectorXd w(192);
        for (std::size_t c = 0; c < 192; ++c) w(static_cast<Eigen::Index>(c)) = given.w(r, c);
        const Eigen::VectorXd p = (v.transpose() * s * v).ldlt().solve(v.transpose() * s * w);
        best += (v * p - w).dot(s * (v * p - w));
      }
      // The ridge costs at most 1e-6 of the gain's order, fp32 parameters 1e-7 of the values.
      CHECK(error_of(refitted, given.w, s) == Approx(best).epsilon(1e-5));
      CHECK(report.before == Approx(error_of(given.rounded, given.w, s)).epsilon(1e-6));
      CHECK(report.after == Approx(best).epsilon(1e-5));
      CHECK(report.rows == 70);
      CHECK(best < 0.99 * report.before);
    }
}

TEST_CASE("refitted parameters are of the stored type, and no row's error rises", "[algorithms]") {
  for (const ScaleType type : {ScaleType::f16, ScaleType::bf16})
    for (const ZeroKind zero : test_support::kAllZeros) {
      const Scheme scheme{.bits = 4, .group_size = 32, .zero = zero, .scale_type = type};
      const Case given = make_case(40, 96, scheme, 11);
      QuantizedMatrix once = given.rounded;
      const Metric metric(given.hessian);
      refit_scales(given.w, metric, kDamping, once);
      check_quantized(once, "layer");
      const Eigen::MatrixXd s = metric_of(given.hessian);
      // Once refitted, only rows that rounding left improvable may change, and never for the worse.
      QuantizedMatrix twice = once;
      refit_scales(given.w, metric, kDamping, twice);
      for (std::size_t r = 0; r < 40; ++r) {
        const auto form = [&](const QuantizedMatrix& q) {
          const Eigen::VectorXd d = difference(q, given.w, r);
          return d.dot(s * d);
        };
        REQUIRE(form(once) <= form(given.rounded) * (1 + 1e-6));
        REQUIRE(form(twice) <= form(once) * (1 + 1e-6));
      }
    }
}

TEST_CASE("a group of zeros, a dead input and a singular metric leave finite scales",
          "[algorithms]") {
  Matrix w = random_weights(8, 96, 21);
  for (std::size_t c = 32; c < 64; ++c) w(3, c) = 0;
  Matrix x = correlated_activations(20, 96, 22);  // fewer tokens than inputs
  for (std::size_t t = 0; t < 20; ++t) x(t, 5) = 0;
  Hessian hessian(96);
  hessian.add(x);
  const Metric metric(hessian);
  for (const ZeroKind zero : test_support::kAllZeros)
    for (const double damping : {0.0, kDamping}) {
      QuantizedMatrix q = round_to_nearest(w, {}, {.bits = 3, .group_size = 32, .zero = zero}, {});
      const QuantizedMatrix before = q;
      const ScaleRefit report = refit_scales(w, metric, damping, q);
      check_quantized(q, "layer");
      CHECK(report.after <= report.before);
      CHECK(report.rows > 0);
      if (zero != ZeroKind::minimum) CHECK(q.scales[3 * 3 + 1] == before.scales[3 * 3 + 1]);
      CHECK(std::ranges::all_of(q.scales, [](float scale) { return scale > 0; }));
    }
}

TEST_CASE("a refit has the same bytes at any thread count", "[algorithms]") {
  const Case given =
      make_case(150, 288, {.bits = 3, .group_size = 32, .zero = ZeroKind::minimum}, 31);
  const Metric metric(given.hessian);
  QuantizedMatrix want = given.rounded;
  const test_support::ThreadCount one(1);
  const ScaleRefit report = refit_scales(given.w, metric, kDamping, want);
  for (const int threads : {2, 3}) {
    const test_support::ThreadCount several(threads);
    QuantizedMatrix got = given.rounded;
    CHECK(refit_scales(given.w, metric, kDamping, got).after == report.after);
    CHECK(got == want);
  }
}

TEST_CASE("quantize_layer refits on request: the codes stay, the reported error falls",
          "[algorithms]") {
  const Matrix w = random_weights(32, 128, 41);
  Hessian hessian(128);
  hessian.add(correlated_activations(500, 128, 42));
  for (const Method method : {Method::rtn, Method::gptq}) {
    LayerOptions options;
    options.method = method;
    options.scheme = {.bits = 3, .group_size = 32};
    const LayerResult plain = quantize_layer(w, &hessian, options, "layer");
    options.scale_refit = true;
    const LayerResult refitted = quantize_layer(w, &hessian, options, "layer");
    CHECK(refitted.matrix.codes == plain.matrix.codes);
    CHECK(refitted.matrix.scales != plain.matrix.scales);
    CHECK(refitted.report.refitted_rows > 16);
    CHECK(plain.report.refitted_rows == 0);
    CHECK(refitted.report.error < plain.report.error);
    CHECK(refitted.report.rtn_error == plain.report.rtn_error);
  }
  LayerOptions rounding;
  rounding.method = Method::rtn;
  rounding.scale_refit = true;
  CHECK_THROWS_AS(quantize_layer(w, nullptr, rounding, "layer"), InvalidArgument);
}
