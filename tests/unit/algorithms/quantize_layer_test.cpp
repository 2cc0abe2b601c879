#include "libquant/algorithms/quantize_layer.h"

#include <cmath>
#include <limits>
#include <string>

#include "libquant/algorithms/layer_error.h"
#include "libquant/core/error.h"
#include "tests/support/catch.h"
#include "tests/support/layer_data.h"
#include "tests/support/schemes.h"
#include "tests/support/thread_count.h"

using namespace libquant;
using test_support::correlated_activations;
using test_support::random_weights;

namespace {

Hessian hessian_of(const Matrix& x) {
  Hessian hessian(x.cols());
  hessian.add(x);
  return hessian;
}

std::string refusal(ConstMatrixView weights, const Hessian* hessian, const LayerOptions& options) {
  try {
    quantize_layer(weights, hessian, options, "layers.3.up");
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "";
}

LayerOptions with(Method method, const Scheme& scheme) {
  LayerOptions options;
  options.method = method;
  options.scheme = scheme;
  return options;
}

}  // namespace

TEST_CASE("round to nearest takes the nearest code of each group's fitted grid", "[algorithms]") {
  const Matrix w = random_weights(6, 192, 1);
  for (const ZeroKind zero : test_support::kAllZeros)
    for (const std::size_t group : {std::size_t{32}, std::size_t{64}, std::size_t{0}}) {
      const LayerOptions options =
          with(Method::rtn, {.bits = 4, .group_size = group, .zero = zero});
      const LayerResult result = quantize_layer(w, nullptr, options, "layer");
      check_quantized(result.matrix, "layer");
      const std::size_t width = group == 0 ? 192 : group;
      for (std::size_t r = 0; r < 6; ++r)
        for (std::size_t g = 0; g < 192 / width; ++g) {
          const auto values = w.row(r).subspan(g * width, width);
          const GroupParameters want = fit_group(std::vector<double>(values.begin(), values.end()),
                                                 {}, options.scheme, options.clip);
          REQUIRE(result.matrix.parameters(r, g) == want);
          for (std::size_t i = 0; i < width; ++i)
            REQUIRE(result.matrix.codes[r * 192 + g * width + i] ==
                    nearest_code(double{values[i]}, want, options.scheme));
        }
      CHECK(result.report.error == result.report.rtn_error);
      CHECK(result.report.error > 0);
      CHECK(result.report.error < 0.05);
      CHECK(result.report.tokens == 0);
    }
}

TEST_CASE("the report of a GPTQ layer carries tokens, damping and both errors", "[algorithms]") {
  const Matrix w = random_weights(16, 128, 2);
  const Hessian hessian = hessian_of(correlated_activations(500, 128, 3));
  LayerOptions options = with(Method::gptq, {.bits = 3, .group_size = 64});
  options.damping = 0.02;
  const LayerResult result = quantize_layer(w, &hessian, options, "layer");
  CHECK(result.report.tokens == 500);
  CHECK(result.report.damping == 0.02);
  CHECK(result.report.damping_attempts == 1);
  CHECK(result.report.fallback == "");
  CHECK(result.report.error < 0.7 * result.report.rtn_error);
  CHECK(result.report.seconds > 0);
  options.method = Method::rtn;
  const LayerResult rounded = quantize_layer(w, &hessian, options, "layer");
  CHECK(rounded.report.error == result.report.rtn_error);
  CHECK(rounded.report.damping == 0);
}

TEST_CASE("the solver's own sum, less the damping's part, is the layer's error", "[algorithms]") {
  const Matrix w = random_weights(70, 256, 4);
  Matrix x = correlated_activations(600, 256, 5);
  for (std::size_t t = 0; t < x.rows(); ++t) x(t, 5) = x(t, 40) = 0;
  const Hessian hessian = hessian_of(x);
  const Metric metric(hessian);
  for (const double damping : {0.001, 0.01, 0.5})
    for (const ActOrder order : {ActOrder::none, ActOrder::group, ActOrder::static_all})
      for (const ZeroKind zero : test_support::kAllZeros)
        for (const int bits : {3, 8}) {
          LayerOptions options = with(Method::gptq, {.bits = bits, .group_size = 32, .zero = zero});
          options.act_order = order;
          options.damping = damping;
          const LayerResult got = quantize_layer(w, &hessian, options, "layer");
          INFO(bits << " bits, damping " << damping << ", order " << to_string(order));
          // The form in fp32 is the less exact of the two.
          CHECK(got.report.error ==
                Approx(layer_error(w, got.matrix, &metric) / layer_norm(w, &metric)).epsilon(1e-5));
        }
}

TEST_CASE("the result has the same bytes at any thread count and through a shared metric",
          "[algorithms]") {
  const Matrix w = random_weights(70, 256, 4);
  const Hessian hessian = hessian_of(correlated_activations(600, 256, 5));
  for (const ActOrder order : {ActOrder::none, ActOrder::group, ActOrder::static_all})
    for (const ZeroKind zero : test_support::kAllZeros) {
      LayerOptions options = with(Method::gptq, {.bits = 3, .group_size = 32, .zero = zero});
      options.act_order = order;
      options.clip.steps = 10;
      const test_support::ThreadCount one(1);
      const LayerResult want = quantize_layer(w, &hessian, options, "layer");
      Metric metric(hessian);
      for (const int threads : {2, 3}) {
        const test_support::ThreadCount several(threads);
        const LayerResult got = quantize_layer(w, metric, options, "layer");
        CHECK(got.matrix == want.matrix);
        CHECK(got.report.error == want.report.error);
        CHECK(got.report.rtn_error == want.report.rtn_error);
      }
    }
}

TEST_CASE("a strided view quantizes like the compact matrix", "[algorithms]") {
  const Matrix wide = random_weights(5, 100, 6);
  Matrix narrow(5, 64);
  for (std::size_t r = 0; r < 5; ++r)
    for (std::size_t c = 0; c < 64; ++c) narrow(r, c) = wide(r, c + 20);
  const Hessian hessian = hessian_of(correlated_activations(200, 64, 7));
  const LayerOptions options = with(Method::gptq, {.bits = 4, .group_size = 32});
  CHECK(quantize_layer({wide.data() + 20, 5, 64, 100}, &hessian, options, "a").matrix ==
        quantize_layer(narrow, &hessian, options, "b").matrix);
}

TEST_CASE("a metric that cannot be factored is reported and leaves round to nearest",
          "[algorithms]") {
  const Matrix w = random_weights(8, 64, 8);
  std::vector<double> lower(64 * 64);
  for (std::size_t i = 0; i < 64; ++i) lower[i * 64 + i] = 1;
  lower[10 * 64 + 2] = 50;
  Metric indefinite(lower, 64, 123);
  const LayerOptions options = with(Method::gptq, {.bits = 4, .group_size = 32});
  const LayerResult got = quantize_layer(w, indefinite, options, "layer");
  CHECK(got.report.fallback.find("not positive definite") != std::string::npos);
  CHECK(got.report.damping_attempts > 1);
  CHECK(got.report.tokens == 123);
  LayerOptions rtn = options;
  rtn.method = Method::rtn;
  CHECK(got.matrix == quantize_layer(w, nullptr, rtn, "layer").matrix);

  const Hessian unseen(64);
  const LayerResult starved = quantize_layer(w, &unseen, options, "layer");
  CHECK(starved.report.fallback.find("no calibration token") != std::string::npos);
  CHECK(starved.matrix == got.matrix);
}

TEST_CASE("dead columns keep their rounded weights and change nothing else", "[algorithms]") {
  Matrix x = correlated_activations(300, 64, 9);
  for (std::size_t t = 0; t < x.rows(); ++t) x(t, 5) = x(t, 40) = 0;
  const Hessian hessian = hessian_of(x);
  Matrix w = random_weights(8, 64, 10);
  // Inside the range of their groups, so that the fitted grids do not depend on them.
  for (std::size_t r = 0; r < 8; ++r) w(r, 5) = w(r, 40) = 0.01f;
  for (const ActOrder order : {ActOrder::none, ActOrder::group, ActOrder::static_all}) {
    LayerOptions options = with(Method::gptq, {.bits = 4, .group_size = 32});
    options.act_order = order;
    const LayerResult got = quantize_layer(w, &hessian, options, "layer");
    CHECK(got.report.dead_columns == 2);
    CHECK(got.report.fallback == "");
    Matrix other = w.clone();
    for (std::size_t r = 0; r < 8; ++r) other(r, 5) = other(r, 40) = -0.005f;
    const LayerResult changed = quantize_layer(other, &hessian, options, "layer");
    for (std::size_t r = 0; r < 8; ++r)
      for (std::size_t c = 0; c < 64; ++c) {
        const std::size_t at = r * 64 + c;
        if (c != 5 && c != 40) {
          REQUIRE(got.matrix.codes[at] == changed.matrix.codes[at]);
        } else {
          REQUIRE(got.matrix.codes[at] ==
                  nearest_code(double{w(r, c)}, got.matrix.parameters(r, c / 32), options.scheme));
        }
      }
    CHECK(got.report.error == Approx(changed.report.error).epsilon(1e-12));
  }
}

TEST_CASE("zero points stay where the format allows them through all of GPTQ", "[algorithms]") {
  Matrix w = random_weights(8, 128, 11);
  for (std::size_t r = 0; r < 8; ++r)
    for (std::size_t c = 0; c < 64; ++c) w(r, c) = std::abs(w(r, c));  // wants zero = 0
  const Hessian hessian = hessian_of(correlated_activations(300, 128, 12));
  for (const int bits : test_support::kAllBits)
    for (const Method method : {Method::rtn, Method::gptq}) {
      Scheme scheme{.bits = bits, .group_size = 32, .zero = ZeroKind::asymmetric};
      const LayerResult free = quantize_layer(w, &hessian, with(method, scheme), "layer");
      scheme.zero_min = 1;
      const LayerResult bound = quantize_layer(w, &hessian, with(method, scheme), "layer");
      check_quantized(bound.matrix, "layer");  // refuses a zero below zero_min
      if (method == Method::rtn)
        CHECK(std::count(free.matrix.zeros.begin(), free.matrix.zeros.end(), 0) >= 16);
    }
}

TEST_CASE("one-row, one-column and single-weight matrices are quantized", "[algorithms]") {
  for (const auto& [rows, cols] : {std::pair{1, 64}, std::pair{5, 1}, std::pair{1, 1}}) {
    const auto n = static_cast<std::size_t>(cols);
    const Matrix w = random_weights(static_cast<std::size_t>(rows), n, 13);
    const Hessian hessian = hessian_of(correlated_activations(100, n, 14));
    for (const ZeroKind zero : test_support::kAllZeros)
      for (const ActOrder order : {ActOrder::none, ActOrder::group, ActOrder::static_all}) {
        LayerOptions options = with(Method::gptq, {.bits = 8, .group_size = 0, .zero = zero});
        options.act_order = order;
        const LayerResult result = quantize_layer(w, &hessian, options, "layer");
        check_quantized(result.matrix, "layer");
        CHECK(result.report.fallback == "");
        CHECK(result.report.error < 1e-4);
      }
  }
}

TEST_CASE("an all-zero matrix stays zero and reports no error", "[algorithms]") {
  const Matrix w(4, 64);
  const Hessian hessian = hessian_of(correlated_activations(100, 64, 15));
  for (const ZeroKind zero : test_support::kAllZeros) {
    const LayerResult result =
        quantize_layer(w, &hessian, with(Method::gptq, {.bits = 4, .zero = zero}), "layer");
    CHECK(result.report.error == 0);
    CHECK(result.report.rtn_error == 0);
    const Matrix values = dequantize(result.matrix);
    for (std::size_t i = 0; i < values.size(); ++i) REQUIRE(values.data()[i] == 0);
  }
}

TEST_CASE("weights that are not finite or too large for the scale are refused by name and place",
          "[algorithms]") {
  const LayerOptions options = with(Method::rtn, {.bits = 4, .group_size = 64});
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity(), 1e6f}) {
    Matrix w = random_weights(3, 64, 16);
    w(2, 17) = bad;
    const std::string message = refusal(w, nullptr, options);
    INFO(message);
    CHECK(message.find("layers.3.up") != std::string::npos);
    CHECK(message.find("row 2, column 17") != std::string::npos);
  }
  Matrix w = random_weights(3, 64, 16);
  w(2, 17) = 1e6f;
  LayerOptions wide = options;
  wide.scheme.scale_type = ScaleType::bf16;
  CHECK(refusal(w, nullptr, wide).empty());
}

TEST_CASE("options and shapes that do not fit are refused", "[algorithms]") {
  const Matrix w = random_weights(3, 64, 17);
  const Hessian hessian = hessian_of(correlated_activations(50, 64, 18));
  const Hessian other = hessian_of(correlated_activations(50, 32, 18));
  const LayerOptions good = with(Method::gptq, {.bits = 4, .group_size = 64});
  REQUIRE(refusal(w, &hessian, good).empty());
  CHECK(refusal(w, nullptr, good).find("second moments") != std::string::npos);
  CHECK(refusal(w, &other, good).find("32 inputs") != std::string::npos);
  CHECK(refusal(Matrix(), &hessian, good) != "");
  const auto refused = [&](auto&& change) {
    LayerOptions options = good;
    change(options);
    return refusal(w, &hessian, options) != "";
  };
  CHECK(refused([](LayerOptions& o) { o.scheme.group_size = 128; }));
  CHECK(refused([](LayerOptions& o) { o.scheme.bits = 1; }));
  CHECK(refused([](LayerOptions& o) { o.damping = -1; }));
  CHECK(refused([](LayerOptions& o) { o.damping = std::nan(""); }));
  CHECK(refused([](LayerOptions& o) { o.block_columns = 0; }));
  CHECK(refused([](LayerOptions& o) { o.clip.steps = 1000; }));
  CHECK_THROWS_AS(method_from("awq"), InvalidArgument);
  CHECK(method_from("gptq") == Method::gptq);
}
