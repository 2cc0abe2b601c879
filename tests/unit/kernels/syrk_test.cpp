#include <cmath>
#include <limits>

#include "kernels/gemm.h"
#include "tests/reference/matmul.h"
#include "tests/support/catch.h"
#include "tests/unit/kernels/kernel_test_support.h"

namespace kernels = libquant::kernels;
namespace reference = libquant::reference;
using namespace libquant::tests;

namespace {

struct Shape {
  std::size_t tokens, k;
};

void check_syrk(const Shape& s, Rng& rng) {
  const std::size_t gap = rng() % 2 * 7, ldx = s.k + gap;
  const GuardedEnd end = rng() % 2 == 0 ? GuardedEnd::front : GuardedEnd::back;
  CAPTURE(s.tokens, s.k, gap);
  GuardedBuffer<float> x(s.tokens == 0 || s.k == 0 ? 0 : (s.tokens - 1) * ldx + s.k, end);
  GuardedBuffer<double> h(s.k * s.k, end);
  fill_uniform(rng, x);
  fill_uniform(rng, h, -100, 100);
  const std::vector<double> before(h.begin(), h.end());
  kernels::syrk_f64_f32(s.tokens, s.k, x.data(), ldx, h.data(), s.k);
  std::size_t wrong = 0, touched = 0;
  for (std::size_t i = 0; i < s.k; ++i) {
    for (std::size_t j = 0; j < s.k; ++j) {
      const double got = h[i * s.k + j], earlier = before[i * s.k + j];
      if (j > i) {
        if (std::memcmp(&got, &earlier, sizeof got) != 0) ++touched;
        continue;
      }
      const auto want = reference::dot(s.tokens, x.data() + i, static_cast<std::ptrdiff_t>(ldx),
                                       x.data() + j, static_cast<std::ptrdiff_t>(ldx));
      // fp32 over a chunk of at most 256 summands, double over the chunks.
      const double bound = reference::sum_bound(std::min(s.tokens, std::size_t{256}),
                                                reference::kUnitF32, want.magnitude) +
                           reference::sum_bound(s.tokens / 256 + 1, reference::kUnitF64,
                                                want.magnitude + std::fabs(earlier));
      if (!within(got, want.value + earlier, bound)) ++wrong;
    }
  }
  CHECK(wrong == 0);
  CHECK(touched == 0);
}

}  // namespace

TEST_CASE("a Hessian update stays within its rounding bound and below the diagonal", "[syrk]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(31);
    CAPTURE(isa);
    for (const Shape& s : {Shape{0, 5}, Shape{5, 0}, Shape{1, 1}, Shape{256, 48}, Shape{257, 49},
                           Shape{600, 101}, Shape{30, 260}, Shape{6000, 20}})
      check_syrk(s, rng);
    for (std::size_t i = 0; i < (full_matrix() ? 150u : 12u); ++i)
      check_syrk({tail_size(rng, 300), tail_size(rng, 130)}, rng);
  }
}

TEST_CASE("a Hessian update in one call equals one call per 256 tokens", "[syrk]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(32);
    const std::size_t tokens = 1100, k = 75;
    GuardedBuffer<float> x(tokens * k);
    fill_uniform(rng, x);
    GuardedBuffer<double> whole(k * k), pieces(k * k);
    std::fill(whole.begin(), whole.end(), 0.0);
    std::fill(pieces.begin(), pieces.end(), 0.0);
    kernels::syrk_f64_f32(tokens, k, x.data(), k, whole.data(), k);
    for (std::size_t t = 0; t < tokens; t += 256)
      kernels::syrk_f64_f32(std::min(std::size_t{256}, tokens - t), k, x.data() + t * k, k,
                            pieces.data(), k);
    CAPTURE(isa);
    CHECK(same_bytes(whole, pieces));
  }
}

TEST_CASE("a Hessian has the same bytes at any thread count", "[syrk][threads]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(33);
    const std::size_t tokens = 520, k = 210;
    GuardedBuffer<float> x(tokens * k);
    fill_uniform(rng, x);
    GuardedBuffer<double> first(k * k);
    for (int threads : {1, 2, 3}) {
      const ForcedThreads set(threads);
      GuardedBuffer<double> h(k * k);
      std::fill(h.begin(), h.end(), 0.0);
      kernels::syrk_f64_f32(tokens, k, x.data(), k, h.data(), k);
      if (threads == 1) std::memcpy(first.data(), h.data(), k * k * sizeof(double));
      CAPTURE(isa, threads);
      CHECK(same_bytes(first, h));
    }
  }
}

TEST_CASE("a NaN activation reaches its row and column of the Hessian", "[syrk]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(34);
    const std::size_t tokens = 40, k = 77;
    GuardedBuffer<float> x(tokens * k);
    fill_uniform(rng, x);
    x[39 * k + 50] = std::numeric_limits<float>::quiet_NaN();
    GuardedBuffer<double> h(k * k);
    std::fill(h.begin(), h.end(), 0.0);
    kernels::syrk_f64_f32(tokens, k, x.data(), k, h.data(), k);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < k; ++i)
      for (std::size_t j = 0; j <= i; ++j)
        if (std::isnan(h[i * k + j]) != (i == 50 || j == 50)) ++wrong;
    CAPTURE(isa);
    CHECK(wrong == 0);
  }
}
