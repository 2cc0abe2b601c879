#include <cmath>
#include <limits>

#include "kernels/gemm.h"
#include "kernels/half.h"
#include "tests/reference/matmul.h"
#include "tests/support/catch.h"
#include "tests/unit/kernels/kernel_test_support.h"

namespace kernels = libquant::kernels;
namespace reference = libquant::reference;
using namespace libquant::tests;

namespace {

// Of the set that LIBQUANT_ISA names, or of all that this machine runs: those with bf16 products.
std::vector<std::string> bf16_sets() {
  std::vector<std::string> names;
  const char* wanted = std::getenv("LIBQUANT_ISA");
  for (const kernels::InstructionSet& set : kernels::compiled_sets()) {
    if (!set.dense->supported() || !set.packed->supported()) continue;
    if (wanted != nullptr && *wanted != '\0' && std::string(wanted) != set.name) continue;
    if (set.bf16 != nullptr && set.bf16->supported()) names.emplace_back(set.name);
  }
  return names;
}

struct Linear {
  std::size_t tokens, outputs, inputs, gap;
  GuardedBuffer<float> x;
  GuardedBuffer<std::uint16_t> w;
  GuardedBuffer<float> y;

  // The last row ends where its values end, so that reading behind it is caught.
  static std::size_t length(std::size_t rows, std::size_t cols, std::size_t gap) {
    return rows == 0 || cols == 0 ? 0 : (rows - 1) * (cols + gap) + cols;
  }
  Linear(Rng& rng, std::size_t t, std::size_t o, std::size_t i, std::size_t g, GuardedEnd end)
      : tokens(t),
        outputs(o),
        inputs(i),
        gap(g),
        x(length(t, i, g), end),
        w(length(o, i, g), end),
        y(length(t, o, g), end) {
    fill_uniform(rng, x);
    fill_uniform(rng, y);
    std::uniform_real_distribution<float> values(-1, 1);
    for (std::uint16_t& weight : w) weight = kernels::bf16_of_float(values(rng));
  }
  void multiply(bool accumulate) {
    kernels::linear_bf16(tokens, outputs, inputs, x.data(), inputs + gap, w.data(), inputs + gap,
                         accumulate, y.data(), outputs + gap);
  }
  // Of rounded inputs. Products of two bf16 are exact in fp32. BFDOT rounds sums to odd, which errs
  // by twice as much as to nearest, and all may flush what is below 2^-126.
  std::size_t wrong(const std::vector<float>& earlier) const {
    std::vector<float> row(inputs), column(inputs);
    std::size_t count = 0;
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t i = 0; i < inputs; ++i)
        row[i] = kernels::float_of_bf16(kernels::bf16_of_float(x[t * (inputs + gap) + i]));
      for (std::size_t o = 0; o < outputs; ++o) {
        for (std::size_t i = 0; i < inputs; ++i)
          column[i] = kernels::float_of_bf16(w[o * (inputs + gap) + i]);
        const auto want = reference::dot(inputs, row.data(), 1, column.data(), 1);
        const std::size_t at = t * (outputs + gap) + o;
        const double before = earlier.empty() ? 0.0 : double{earlier[at]};
        const double bound = reference::sum_bound(inputs, 2 * reference::kUnitF32,
                                                  want.magnitude + std::fabs(before)) +
                             static_cast<double>(4 * inputs) * 0x1p-126;
        if (!within(double{y[at]}, want.value + before, bound)) ++count;
      }
    }
    return count;
  }
  // Values between the rows of y that differ from `before`.
  std::size_t touched(const std::vector<float>& before) const {
    std::size_t count = 0;
    for (std::size_t t = 0; t + 1 < tokens && outputs > 0; ++t)
      for (std::size_t at = t * (outputs + gap) + outputs; at < (t + 1) * (outputs + gap); ++at)
        count += std::memcmp(&before[at], &y[at], sizeof(float)) != 0;
    return count;
  }
};

void check(Rng& rng, std::size_t tokens, std::size_t outputs, std::size_t inputs) {
  const std::size_t gap = rng() % 4;
  const bool accumulate = rng() % 2 == 0;
  const GuardedEnd end = rng() % 2 == 0 ? GuardedEnd::front : GuardedEnd::back;
  CAPTURE(tokens, outputs, inputs, gap, accumulate, end == GuardedEnd::front);
  Linear linear(rng, tokens, outputs, inputs, gap, end);
  const std::vector<float> before(linear.y.begin(), linear.y.end());
  linear.multiply(accumulate);
  CHECK(linear.wrong(accumulate ? before : std::vector<float>()) == 0);
  CHECK(linear.touched(before) == 0);
}

}  // namespace

TEST_CASE("a bfloat16 layer stays within its rounding bound", "[gemm][bf16]") {
  const auto sets = bf16_sets();
  if (sets.empty()) WARN("skipped: no bfloat16 products in this instruction set");
  for (const std::string& isa : sets) {
    CAPTURE(isa);
    const ForcedIsa forced(isa);
    Rng rng(21);
    for (std::size_t tokens = 0; tokens < (full_matrix() ? 100u : 40u); ++tokens)
      check(rng, tokens, tail_size(rng, 90), tail_size(rng, 200));
    // Beyond a pass over the summands, a block of rows, the columns of a packed operand.
    check(rng, 20, 50, 1603);
    check(rng, 700, 60, 300);
    check(rng, 18, 2900, 390);
  }
}

TEST_CASE("a bfloat16 layer has the same bytes at any thread count", "[gemm][bf16][threads]") {
  for (const std::string& isa : bf16_sets()) {
    const ForcedIsa forced(isa);
    for (const std::size_t tokens : {3, 61, 500}) {
      std::vector<std::vector<float>> results;
      for (const int threads : {1, 2, 3}) {
        const ForcedThreads set(threads);
        Rng rng(22);
        Linear linear(rng, tokens, 300, 577, 0, GuardedEnd::back);
        linear.multiply(false);
        results.emplace_back(linear.y.begin(), linear.y.end());
      }
      CAPTURE(isa, tokens);
      for (const auto& result : results)
        CHECK(std::memcmp(result.data(), results[0].data(), result.size() * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("a NaN or infinity in a bfloat16 layer reaches its row or column and nothing else",
          "[gemm][bf16]") {
  for (const std::string& isa : bf16_sets()) {
    const ForcedIsa forced(isa);
    for (const std::size_t tokens : {5, 40}) {
      for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                              std::numeric_limits<float>::infinity(), 0x1.ffp127f}) {
        Rng rng(23);
        Linear linear(rng, tokens, 53, 31, 0, GuardedEnd::back);
        linear.x[3 * 31 + 30] = bad;  // 0x1.ffp127 rounds to infinity
        linear.w[50 * 31] = kernels::bf16_of_float(bad);
        linear.multiply(false);
        std::size_t wrong = 0;
        for (std::size_t t = 0; t < tokens; ++t)
          for (std::size_t o = 0; o < 53; ++o)
            wrong += std::isfinite(linear.y[t * 53 + o]) == (t == 3 || o == 50);
        CAPTURE(isa, tokens, bad);
        CHECK(wrong == 0);
      }
    }
  }
}
