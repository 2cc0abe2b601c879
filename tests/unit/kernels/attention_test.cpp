#include "kernels/attention.h"

#include <cmath>
#include <limits>

#include "tests/reference/attention.h"
#include "tests/support/catch.h"
#include "tests/unit/kernels/kernel_test_support.h"

namespace kernels = libquant::kernels;
namespace reference = libquant::reference;
using namespace libquant::tests;

namespace {

// Operands in guarded buffers; values in [-1, 1], queries multiplied by `sharpness`.
struct Problem {
  Problem(Rng& rng, kernels::AttentionShape s, std::size_t gap, GuardedEnd guarded,
          double sharpness)
      : shape(s),
        ldq(s.heads * s.head_dim + gap),
        ldkv(s.kv_heads * s.head_dim + gap),
        end(guarded),
        q((s.queries - 1) * ldq + s.heads * s.head_dim, guarded),
        k((s.keys - 1) * ldkv + s.kv_heads * s.head_dim, guarded),
        v(k.size(), guarded) {
    fill_uniform(rng, q, -sharpness, sharpness);
    fill_uniform(rng, k);
    fill_uniform(rng, v);
  }
  void run(GuardedBuffer<float>& out) const {
    kernels::attention_f32(shape, q.data(), ldq, k.data(), v.data(), ldkv, out.data(), ldq);
  }
  std::vector<double> exact() const {
    return reference::attention(shape.queries, shape.keys, shape.heads, shape.kv_heads,
                                shape.head_dim, shape.window, double{shape.scale}, q.data(), ldq,
                                k.data(), v.data(), ldkv);
  }
  // With |k|, |v| <= 1 and |q| <= s: a score's error is at most (dim + 4) u |scale| s dim, plus
  // 4 u |score| for its scaling and the subtraction of the maximum; a weight's relative error is
  // that plus 3 u; numerator and denominator are sums of such weights over the keys, and the output
  // is at most 1.
  double bound(double sharpness) const {
    const double u = 0x1p-24, dim = static_cast<double>(shape.head_dim);
    const double seen = static_cast<double>(
        shape.window > 0 && shape.window < shape.keys ? shape.window : shape.keys);
    const double score = std::fabs(double{shape.scale}) * sharpness * dim;
    return 2 * u * ((dim + 8) * score + 3 + seen + 8);
  }

  kernels::AttentionShape shape;
  std::size_t ldq, ldkv;
  GuardedEnd end;
  GuardedBuffer<float> q, k, v;
};

void check(const Problem& problem, double sharpness) {
  const auto& s = problem.shape;
  CAPTURE(s.queries, s.keys, s.heads, s.kv_heads, s.head_dim, s.window);
  GuardedBuffer<float> out(problem.q.size(), problem.end);
  problem.run(out);
  const std::vector<double> want = problem.exact();
  const std::size_t each = s.heads * s.head_dim;
  const double bound = problem.bound(sharpness);
  std::size_t wrong = 0;
  double worst = 0;
  for (std::size_t i = 0; i < s.queries; ++i) {
    for (std::size_t d = 0; d < each; ++d) {
      const double got = double{out[i * problem.ldq + d]},
                   error = std::fabs(got - want[i * each + d]);
      if (!(error <= bound)) ++wrong;
      worst = std::fmax(worst, error);
    }
    for (std::size_t d = each; i + 1 < s.queries && d < problem.ldq; ++d)
      if (!std::isnan(out[i * problem.ldq + d])) ++wrong;  // the gap keeps its fill
  }
  CAPTURE(worst, bound);
  CHECK(wrong == 0);
}

float usual_scale(std::size_t dim) { return 1.0f / std::sqrt(static_cast<float>(dim)); }

std::vector<kernels::AttentionShape> shapes(Rng& rng) {
  std::vector<kernels::AttentionShape> list;
  const auto push = [&](std::size_t queries, std::size_t keys, std::size_t heads, std::size_t kv,
                        std::size_t dim, std::size_t window) {
    list.push_back({queries, keys, heads, kv, dim, window, usual_scale(dim)});
  };
  push(1, 1, 1, 1, 1, 0);
  push(1, 300, 9, 3, 64, 0);     // decode over two parts
  push(1, 700, 4, 1, 33, 200);   // decode, window begins inside a part
  push(2, 600, 6, 3, 80, 259);   // decode, several queries
  push(150, 150, 3, 1, 64, 0);   // more than one block of keys and of rows
  push(40, 300, 4, 4, 64, 0);    // queries behind a cache
  push(130, 290, 2, 1, 48, 17);  // window smaller than a block
  push(140, 140, 2, 2, 128, 129);
  const std::size_t dims[] = {1, 2, 7, 16, 31, 64, 65, 96};
  const std::size_t count = full_matrix() ? 300 : 25;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t queries = 1 + tail_size(rng, 60), kv = 1 + rng() % 3;
    push(queries, queries + tail_size(rng, 200), kv * (1 + rng() % 4), kv, dims[rng() % 8],
         rng() % 2 == 0 ? 0 : 1 + tail_size(rng, 80));
  }
  return list;
}

}  // namespace

TEST_CASE("attention agrees with the double reference", "[attention]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(21);
    for (const auto& shape : shapes(rng)) {
      const GuardedEnd end = rng() % 2 == 0 ? GuardedEnd::front : GuardedEnd::back;
      const double sharpness = rng() % 3 == 0 ? 30.0 : 1.0;
      CAPTURE(isa, sharpness);
      check(Problem(rng, shape, rng() % 3 * 3, end, sharpness), sharpness);
    }
  }
}

TEST_CASE("attention has the same bytes at any thread count", "[attention][threads]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(22);
    for (const std::size_t queries : {std::size_t{1}, std::size_t{2}, std::size_t{90}}) {
      const Problem problem(rng, {queries, 900, 6, 3, 40, 0, 0.2f}, 0, GuardedEnd::back, 3);
      GuardedBuffer<float> first(problem.q.size());
      {
        const ForcedThreads one(1);
        problem.run(first);
      }
      for (int threads : {2, 3}) {
        const ForcedThreads set(threads);
        GuardedBuffer<float> out(problem.q.size());
        problem.run(out);
        CAPTURE(isa, queries, threads);
        CHECK(same_bytes(first, out));
      }
    }
  }
}

TEST_CASE("a NaN in a query, key or value reaches every row that sees it", "[attention]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    for (const std::size_t queries : {std::size_t{2}, std::size_t{60}}) {
      for (const int where : {0, 1, 2}) {
        Rng rng(23);
        Problem problem(rng, {queries, 320, 2, 1, 24, 0, 0.3f}, 0, GuardedEnd::back, 1);
        GuardedBuffer<float>* operands[] = {&problem.q, &problem.k, &problem.v};
        // Query 1, or a key that every query sees; dimension 5 of head 0.
        (*operands[where])[where == 0 ? problem.ldq + 5 : 130 * problem.ldkv + 5] =
            std::numeric_limits<float>::quiet_NaN();
        GuardedBuffer<float> out(problem.q.size());
        problem.run(out);
        std::size_t missing = 0, spread = 0;
        for (std::size_t i = 0; i < queries; ++i) {
          for (std::size_t d = 0; d < problem.ldq; ++d) {
            const bool hit = where == 0 ? i == 1 && d < 24 : where == 1 || d % 24 == 5;
            const bool is_nan = std::isnan(out[i * problem.ldq + d]);
            if (hit && !is_nan) ++missing;
            if (!hit && is_nan) ++spread;
          }
        }
        CAPTURE(isa, queries, where);
        CHECK(missing == 0);
        CHECK(spread == 0);
      }
    }
  }
}

TEST_CASE("a NaN in keys behind a query does not reach it", "[attention]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(24);
    Problem problem(rng, {200, 200, 1, 1, 16, 0, 0.3f}, 0, GuardedEnd::back, 1);
    problem.k[170 * problem.ldkv] = std::numeric_limits<float>::quiet_NaN();
    GuardedBuffer<float> out(problem.q.size());
    problem.run(out);
    for (std::size_t i = 0; i < 200; ++i) {
      CAPTURE(isa, i);
      CHECK(std::isnan(out[i * problem.ldq]) == (i >= 170));
    }
  }
}
