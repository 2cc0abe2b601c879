#include "libquant/quant/parameter_gradient.h"

#include <cmath>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/core/rng.h"
#include "tests/support/catch.h"
#include "tests/support/schemes.h"

using namespace libquant;

TEST_CASE("parameter gradients are differences of a linear function of the weights", "[quant]") {
  Rng rng(1);
  for (const ZeroKind zero : test_support::kAllZeros) {
    QuantizedMatrix q = make_quantized(
        {.bits = 4, .group_size = 32, .zero = zero, .scale_type = ScaleType::f32}, 5, 96);
    for (auto& code : q.codes) code = static_cast<std::uint8_t>(rng.below(16));
    for (auto& scale : q.scales) scale = static_cast<float>(0.5 + rng.uniform());
    for (auto& value : q.zeros) value = static_cast<std::uint8_t>(rng.below(16));
    for (auto& value : q.minimums) value = static_cast<float>(rng.normal());
    Matrix g(5, 96);
    for (std::size_t i = 0; i < g.size(); ++i) g.data()[i] = static_cast<float>(rng.normal());
    std::vector<double> scales(q.scales.size()), minimums(q.minimums.size());
    parameter_gradient(g, q, scales, minimums);
    // L = sum G W is linear in the parameters, so one difference is exact but for rounding.
    const auto loss = [&](const QuantizedMatrix& m) {
      double sum = 0;
      for (std::size_t r = 0; r < 5; ++r)
        for (std::size_t c = 0; c < 96; ++c)
          sum += double{g(r, c)} *
                 (double{m.scales[r * 3 + c / 32]} * m.codes[r * 96 + c] + m.offset(r, c / 32));
      return sum;
    };
    const double base = loss(q);
    for (std::size_t i = 0; i < q.scales.size(); ++i) {
      QuantizedMatrix moved = q;
      moved.scales[i] += 0.5F;
      CHECK((loss(moved) - base) / (double{moved.scales[i]} - double{q.scales[i]}) ==
            Approx(scales[i]).epsilon(1e-9));
      if (minimums.empty()) continue;
      moved = q;
      moved.minimums[i] += 0.5F;
      CHECK((loss(moved) - base) / (double{moved.minimums[i]} - double{q.minimums[i]}) ==
            Approx(minimums[i]).epsilon(1e-9));
    }
    CHECK_THROWS_AS(parameter_gradient(g, q, std::span(scales).first(3), minimums),
                    InvalidArgument);
  }
}
