#include "kernels/gemm.h"

#include <cmath>
#include <limits>

#include "tests/reference/matmul.h"
#include "tests/support/catch.h"
#include "tests/unit/kernels/kernel_test_support.h"

namespace kernels = libquant::kernels;
namespace reference = libquant::reference;
using namespace libquant::tests;

namespace {

struct Shape {
  std::size_t m, n, k;
};

// One matrix in a guarded buffer, row-major or column-major, rows or columns `gap` elements apart.
template <typename T>
struct Stored {
  Stored(Rng& rng, std::size_t rows, std::size_t cols, bool by_rows, std::size_t gap,
         GuardedEnd end)
      : buffer(length(by_rows ? rows : cols, by_rows ? cols : rows, gap), end),
        row_stride(by_rows ? static_cast<std::ptrdiff_t>(cols + gap) : 1),
        col_stride(by_rows ? 1 : static_cast<std::ptrdiff_t>(rows + gap)) {
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < cols; ++c) at(r, c) = static_cast<T>(unit(rng));
  }
  // The last line ends where its elements end, so that reading into the gap behind it is caught.
  static std::size_t length(std::size_t lines, std::size_t each, std::size_t gap) {
    return lines == 0 || each == 0 ? 0 : (lines - 1) * (each + gap) + each;
  }
  T& at(std::size_t r, std::size_t c) {
    return buffer[static_cast<std::size_t>(static_cast<std::ptrdiff_t>(r) * row_stride +
                                           static_cast<std::ptrdiff_t>(c) * col_stride)];
  }
  kernels::Operand<T> operand() const { return {buffer.data(), row_stride, col_stride}; }

  std::uniform_real_distribution<double> unit{-1, 1};
  GuardedBuffer<T> buffer;
  std::ptrdiff_t row_stride, col_stride;
};

void run(const Shape& s, const Stored<float>& a, const Stored<float>& b, bool accumulate,
         Stored<float>& c) {
  kernels::gemm_f32(s.m, s.n, s.k, a.operand(), b.operand(), accumulate, c.buffer.data(),
                    static_cast<std::size_t>(c.row_stride));
}

void run(const Shape& s, const Stored<double>& a, const Stored<double>& b, bool accumulate,
         Stored<double>& c) {
  kernels::gemm_f64(s.m, s.n, s.k, a.operand(), b.operand(), accumulate, c.buffer.data(),
                    static_cast<std::size_t>(c.row_stride));
}

template <typename T>
void check_gemm(const Shape& s, Rng& rng) {
  const bool a_rows = rng() % 2 == 0, b_rows = rng() % 2 == 0, accumulate = rng() % 2 == 0;
  const std::size_t gap = rng() % 3 * 5;
  const GuardedEnd end = rng() % 2 == 0 ? GuardedEnd::front : GuardedEnd::back;
  CAPTURE(s.m, s.n, s.k, a_rows, b_rows, accumulate, gap, end == GuardedEnd::front);
  Stored<T> a(rng, s.m, s.k, a_rows, gap, end), b(rng, s.k, s.n, b_rows, gap, end);
  Stored<T> c(rng, s.m, s.n, true, gap, end);
  std::vector<T> before(c.buffer.begin(), c.buffer.end());
  run(s, a, b, accumulate, c);
  std::size_t wrong = 0, touched = 0;
  for (std::size_t i = 0; i < s.m; ++i) {
    for (std::size_t j = 0; j < s.n; ++j) {
      auto want = reference::dot(
          s.k, a.buffer.data() + static_cast<std::ptrdiff_t>(i) * a.row_stride, a.col_stride,
          b.buffer.data() + static_cast<std::ptrdiff_t>(j) * b.col_stride, b.row_stride);
      const double earlier = accumulate ? double{before[i * (s.n + gap) + j]} : 0.0;
      const double bound = reference::sum_bound(s.k, reference::unit_roundoff<T>(),
                                                want.magnitude + std::fabs(earlier));
      if (!within(double{c.at(i, j)}, want.value + earlier, bound)) ++wrong;
    }
    for (std::size_t j = s.n; s.n > 0 && i + 1 < s.m && j < s.n + gap; ++j) {
      const std::size_t at = i * (s.n + gap) + j;
      if (std::memcmp(&before[at], &c.buffer[at], sizeof(T)) != 0) ++touched;
    }
  }
  CHECK(wrong == 0);
  CHECK(touched == 0);
}

// Random tails, then shapes beyond every block: depth, rows of a block, columns of an item, and
// more columns than one packed operand holds.
std::vector<Shape> shapes(Rng& rng) {
  std::vector<Shape> list{{1, 1, 1},     {3, 5, 0},     {0, 4, 4},     {4, 0, 4},
                          {8, 48, 7},    {9, 49, 8},    {17, 33, 65},  {161, 20, 5},
                          {20, 260, 12}, {10, 50, 801}, {65, 97, 385}, {2, 2900, 390},
                          {900, 50, 300}};
  const std::size_t count = full_matrix() ? 400 : 40;
  for (std::size_t i = 0; i < count; ++i)
    list.push_back({tail_size(rng, 70), tail_size(rng, 110), tail_size(rng, 90)});
  if (full_matrix()) list.insert(list.end(), {{2048, 192, 576}, {333, 777, 999}, {2800, 64, 400}});
  return list;
}

}  // namespace

TEMPLATE_TEST_CASE("a general matrix product stays within its rounding bound", "[gemm]", float,
                   double) {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(11);
    for (const Shape& shape : shapes(rng)) {
      CAPTURE(isa);
      check_gemm<TestType>(shape, rng);
    }
  }
}

TEST_CASE("a linear layer stays within its rounding bound for any number of tokens", "[gemm]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(12);
    for (std::size_t tokens = 0; tokens < (full_matrix() ? 100u : 40u); ++tokens) {
      const std::size_t outputs = tail_size(rng, 90), inputs = tail_size(rng, 200);
      const std::size_t gap = rng() % 2 * 3;
      const bool accumulate = rng() % 2 == 0;
      const GuardedEnd end = rng() % 2 == 0 ? GuardedEnd::front : GuardedEnd::back;
      CAPTURE(isa, tokens, outputs, inputs, gap, accumulate);
      Stored<float> x(rng, tokens, inputs, true, gap, end), w(rng, outputs, inputs, true, gap, end);
      Stored<float> y(rng, tokens, outputs, true, gap, end);
      const std::vector<float> before(y.buffer.begin(), y.buffer.end());
      kernels::linear_f32(tokens, outputs, inputs, x.buffer.data(), inputs + gap, w.buffer.data(),
                          inputs + gap, accumulate, y.buffer.data(), outputs + gap);
      std::size_t wrong = 0;
      for (std::size_t t = 0; t < tokens; ++t) {
        for (std::size_t o = 0; o < outputs; ++o) {
          const auto want = reference::dot(inputs, x.buffer.data() + t * (inputs + gap), 1,
                                           w.buffer.data() + o * (inputs + gap), 1);
          const double earlier = accumulate ? double{before[t * (outputs + gap) + o]} : 0.0;
          const double bound = reference::sum_bound(inputs, reference::kUnitF32,
                                                    want.magnitude + std::fabs(earlier));
          if (!within(double{y.at(t, o)}, want.value + earlier, bound)) ++wrong;
        }
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("linear layers that share an input get the bytes that each gets alone", "[gemm]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(15);
    const std::size_t inputs = 390;
    for (const std::size_t tokens : {std::size_t{7}, std::size_t{100}}) {
      const bool accumulate = tokens == 100;
      std::vector<Stored<float>> w, alone, together;
      std::vector<kernels::LinearPart> parts;
      Stored<float> x(rng, tokens, inputs, true, 3, GuardedEnd::back);
      // More layers, and more columns, than are packed at once.
      for (const std::size_t outputs : {130u, 50u, 0u, 1u, 2700u}) {
        w.emplace_back(rng, outputs, inputs, true, 5, GuardedEnd::back);
        Rng same(outputs);
        alone.emplace_back(same, tokens, outputs, true, 2, GuardedEnd::back);
        same.seed(outputs);
        together.emplace_back(same, tokens, outputs, true, 2, GuardedEnd::back);
        parts.push_back({w.back().buffer.data(), outputs, inputs + 5, together.back().buffer.data(),
                         outputs + 2});
        kernels::linear_f32(tokens, outputs, inputs, x.buffer.data(), inputs + 3,
                            w.back().buffer.data(), inputs + 5, accumulate,
                            alone.back().buffer.data(), outputs + 2);
      }
      kernels::linears_f32(tokens, inputs, x.buffer.data(), inputs + 3, parts.data(), parts.size(),
                           accumulate);
      for (std::size_t i = 0; i < parts.size(); ++i) {
        CAPTURE(isa, tokens, parts[i].outputs);
        CHECK(alone[i].buffer.size() == together[i].buffer.size());
        CHECK(std::memcmp(alone[i].buffer.data(), together[i].buffer.data(),
                          alone[i].buffer.size() * sizeof(float)) == 0);
      }
    }
  }
}

TEST_CASE("matrix products have the same bytes at any thread count", "[gemm][threads]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(13);
    for (const Shape& s :
         {Shape{3, 300, 97}, Shape{200, 130, 500}, Shape{61, 1000, 65}, Shape{700, 60, 300}}) {
      CAPTURE(isa, s.m, s.n, s.k);
      Stored<float> x(rng, s.m, s.k, true, 0, GuardedEnd::back);
      Stored<float> w(rng, s.n, s.k, true, 0, GuardedEnd::back);
      std::vector<std::vector<float>> results;
      for (int threads : {1, 2, 3}) {
        const ForcedThreads set(threads);
        results.emplace_back(s.m * s.n);
        kernels::linear_f32(s.m, s.n, s.k, x.buffer.data(), s.k, w.buffer.data(), s.k, false,
                            results.back().data(), s.n);
      }
      for (const auto& result : results)
        CHECK(std::memcmp(result.data(), results[0].data(), result.size() * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("a NaN in an operand reaches its row or column and nothing else", "[gemm]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(14);
    for (const std::size_t m : {std::size_t{5}, std::size_t{40}}) {
      const std::size_t n = 53, k = 31;
      Stored<float> x(rng, m, k, true, 0, GuardedEnd::back),
          w(rng, n, k, true, 0, GuardedEnd::back);
      x.at(3, 30) = std::numeric_limits<float>::quiet_NaN();
      w.at(50, 0) = std::numeric_limits<float>::quiet_NaN();
      std::vector<float> y(m * n);
      kernels::linear_f32(m, n, k, x.buffer.data(), k, w.buffer.data(), k, false, y.data(), n);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < m; ++i)
        for (std::size_t j = 0; j < n; ++j)
          if (std::isnan(y[i * n + j]) != (i == 3 || j == 50)) ++wrong;
      CAPTURE(isa, m);
      CHECK(wrong == 0);
    }
  }
}
