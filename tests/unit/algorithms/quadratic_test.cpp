#include "libquant/algorithms/quadratic.h"

#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "libquant/algorithms/quantize_layer.h"
#include "libquant/core/error.h"
#include "libquant/core/rng.h"
#include "tests/support/catch.h"
#include "tests/support/layer_data.h"
#include "tests/support/thread_count.h"

using namespace libquant;
using Square = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

namespace {

constexpr std::size_t kSize = 48, kRows = 24;
constexpr double kDamping = 0.01;

Square whole(std::span<const double> lower) {
  const Square stored = Eigen::Map<const Square>(lower.data(), kSize, kSize);
  return Square(stored.selfadjointView<Eigen::Lower>());
}

Square doubles(const Matrix& m) {
  Square out(static_cast<Eigen::Index>(m.rows()), static_cast<Eigen::Index>(m.cols()));
  for (std::size_t i = 0; i < m.size(); ++i) out.data()[i] = double{m.data()[i]};
  return out;
}

Square random_weights(std::uint64_t seed) {
  Rng rng(seed);
  Square q(kRows, kSize);
  for (Eigen::Index i = 0; i < q.size(); ++i) q.data()[i] = 0.05 * rng.normal();
  return q;
}

double form(const Square& d, const Square& m) { return (d * m * d.transpose()).trace(); }

struct Case {
  Hessian hessian{kSize}, term{kSize};
  Matrix weights = test_support::random_weights(kRows, kSize, 1);
  Case() {
    hessian.add(test_support::correlated_activations(256, kSize, 2));
    term.add(test_support::correlated_activations(20, kSize, 3));
  }
};

}  // namespace

TEST_CASE("the quadratic family is one metric and one target, exactly", "[algorithms]") {
  const Case c;
  const Square w = doubles(c.weights), h = whole(c.hessian.lower()), hd = whole(c.term.lower());
  for (const double strength : {0.1, 0.5, 2.0}) {
    for (const double keep : {0.0, 0.5, 1.0}) {
      QuadraticObjective objective(c.hessian, {c.term.lower(), strength, true, keep});
      const double alpha = objective.alpha();
      CHECK(alpha == Approx(strength * h.trace() / hd.trace()).epsilon(1e-12));
      const Factor& factor = objective.metric().factor(ActOrder::group, 16, kDamping);
      const Matrix moved = objective.target(c.weights, factor);
      const double lambda = factor.damping * (h + alpha * hd).trace() / kSize;
      const Square s = h + alpha * hd + lambda * Square::Identity(kSize, kSize);
      // The target as the closed form gives it, apart from its rounding to fp32.
      const Square target = w - (1 - keep) * alpha * w * hd * s.inverse();
      CHECK((doubles(moved) - target).cwiseAbs().maxCoeff() <=
            2e-7 * target.cwiseAbs().maxCoeff() + 1e-12);
      const auto j = [&](const Square& q) {
        return form(q - w, h) + alpha * form(q - keep * w, hd) + lambda * (q - w).squaredNorm();
      };
      const Square a = random_weights(7), b = random_weights(8);
      // Equal up to a constant: differences agree to the rounding of the forms themselves.
      const double want = j(a) - j(b), got = form(a - target, s) - form(b - target, s);
      CHECK(std::fabs(want - got) <= 1e-11 * (j(a) + j(b) + form(target, s)));
    }
  }
}

TEST_CASE("strength 0 is the plain method, byte for byte", "[algorithms]") {
  const Case c;
  for (const double keep : {0.0, 1.0}) {
    QuadraticObjective objective(c.hessian, {c.term.lower(), 0, true, keep});
    CHECK(objective.alpha() == 0);
    LayerOptions options;
    options.scheme.bits = 3;
    options.scheme.group_size = 0;
    const Factor& factor = objective.metric().factor(options.act_order, kSize, options.damping);
    const Matrix target = objective.target(c.weights, factor);
    const LayerResult with = quantize_layer(target, objective.metric(), options, "w");
    const LayerResult plain = quantize_layer(c.weights, &c.hessian, options, "w");
    CHECK(with.matrix == plain.matrix);
    CHECK(with.report.error == plain.report.error);
  }
}

TEST_CASE("preserving lowers the error that the term measures, erasing what it measures",
          "[algorithms]") {
  const Case c;
  const Square w = doubles(c.weights), hd = whole(c.term.lower());
  LayerOptions options;
  options.scheme = {.bits = 4, .group_size = 0};
  const auto solve = [&](double strength, double keep) {
    QuadraticObjective objective(c.hessian, {c.term.lower(), strength, true, keep});
    const Factor& factor = objective.metric().factor(options.act_order, kSize, options.damping);
    const Matrix target = objective.target(c.weights, factor);
    return doubles(dequantize(quantize_layer(target, objective.metric(), options, "w").matrix));
  };
  const Square plain = solve(0, 1), preserved = solve(2, 1), erased = solve(2, 0);
  CHECK(form(preserved - w, hd) < 0.8 * form(plain - w, hd));
  CHECK(form(erased, hd) < 0.3 * form(w, hd));
  CHECK(form(preserved, hd) == Approx(form(w, hd)).epsilon(0.1));
}

TEST_CASE("a term of trace zero is left out and said to be", "[algorithms]") {
  const Case c;
  const std::vector<double> nothing(kSize * kSize);
  QuadraticObjective objective(c.hessian, {nothing, 0.5, true, 0});
  CHECK(objective.skipped());
  CHECK(objective.alpha() == 0);
  CHECK(objective.trace_ratio() == 0);
  const Factor& factor = objective.metric().factor(ActOrder::none, 16, kDamping);
  const Matrix target = objective.target(c.weights, factor);
  CHECK(doubles(target) == doubles(c.weights));
}

TEST_CASE("the target has the same bytes at any thread count", "[algorithms]") {
  const Case c;
  const auto target = [&] {
    QuadraticObjective objective(c.hessian, {c.term.lower(), 1, true, 0});
    return doubles(
        objective.target(c.weights, objective.metric().factor(ActOrder::group, 16, kDamping)));
  };
  const Square first = target();
  for (const int threads : {1, 3}) {
    const test_support::ThreadCount guard(threads);
    CHECK(target() == first);
  }
}

TEST_CASE("terms that fit no layer are refused", "[algorithms]") {
  const Case c;
  const std::vector<double> small(4);
  const auto refused = [&](const QuadraticTerm& term) {
    CHECK_THROWS_AS(QuadraticObjective(c.hessian, term), Error);
  };
  refused({small, 1, true, 1});
  refused({c.term.lower(), -1, true, 1});
  refused({c.term.lower(), std::nan(""), true, 1});
  refused({c.term.lower(), 1, true, 1.5});
  std::vector<double> poisoned(c.term.lower().begin(), c.term.lower().end());
  poisoned[0] = std::nan("");
  refused({poisoned, 1, true, 1});
}
