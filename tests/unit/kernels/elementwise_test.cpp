#include "kernels/elementwise.h"

#include <bit>
#include <cmath>
#include <limits>

#include "tests/support/catch.h"
#include "tests/unit/kernels/kernel_test_support.h"

namespace kernels = libquant::kernels;
using namespace libquant::tests;

namespace {

constexpr double kU = 0x1p-24;              // unit roundoff of fp32
constexpr double kSmallestStep = 0x1p-149;  // spacing of subnormal numbers
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

const std::vector<std::size_t> kCounts{0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 255};

std::size_t outside(double got, double want, double bound) {
  return within(got, want, bound) ? 0 : 1;
}

// exp_f32 of every float whose bits are a multiple of `stride`, plus the extremes.
std::vector<float> exp_arguments(std::uint32_t stride) {
  std::vector<float> x{0.0f,
                       -0.0f,
                       1.0f,
                       -1.0f,
                       88.7228317f,
                       88.7228394f,
                       89.0f,
                       1e30f,
                       -87.3365479f,
                       -103.278931f,
                       -103.972084f,
                       -104.0f,
                       -105.0f,
                       -1e30f,
                       std::numeric_limits<float>::infinity(),
                       -std::numeric_limits<float>::infinity(),
                       kNan,
                       -kNan,
                       0x1p-149f};
  for (std::uint64_t bits = 0; bits <= 0xffffffffu; bits += stride)
    x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  return x;
}

}  // namespace

TEST_CASE("the exponential is within three roundings of the exact one over all floats", "[exp]") {
  const std::vector<float> x = exp_arguments(full_matrix() ? 257 : 40009);
  for (const auto& isa : isas_under_test()) {
    std::vector<float> y(x.size());
    kernels::find_table(isa.c_str())->exp(x.size(), x.data(), y.data());
    std::size_t wrong = 0;
    float first_wrong = 0;
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = std::exp(double{x[i]});
      bool good;
      if (std::isnan(x[i])) {
        good = std::isnan(y[i]);
      } else if (want > 0x1.fffffep+127 * (1 + 3 * kU)) {
        good = std::isinf(y[i]) && y[i] > 0;
      } else if (std::isinf(y[i])) {
        good = want * (1 + 3 * kU) >= 0x1.ffffffp+127;  // halfway to the next power: rounds up
      } else {
        const double error = std::fabs(double{y[i]} - want);
        good = error <= 3 * kU * want + (want < 0x1p-126 ? kSmallestStep / 2 : 0.0);
        if (want > 0x1p-126) worst = std::fmax(worst, error / want / kU);
      }
      if (!good && wrong++ == 0) first_wrong = x[i];
    }
    CAPTURE(isa, first_wrong, worst);
    CHECK(wrong == 0);
    CHECK(worst > 0.4);  // a bound that nothing comes near would test nothing
  }
}

TEST_CASE("half and bfloat numbers widen exactly, all 65536 of them", "[convert]") {
  GuardedBuffer<std::uint16_t> in(65536);
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<std::uint16_t>(i);
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    GuardedBuffer<float> half(65536), bfloat(65536);
    kernels::f16_to_f32(in.size(), in.data(), half.data());
    kernels::bf16_to_f32(in.size(), in.data(), bfloat.data());
    std::size_t wrong = 0;
    for (std::uint32_t i = 0; i < 65536; ++i) {
      const std::uint32_t exponent = i >> 10 & 31, mantissa = i & 1023;
      const double sign = i & 0x8000 ? -1 : 1;
      const double magnitude = exponent == 0
                                   ? std::ldexp(mantissa, -24)
                                   : std::ldexp(1024.0 + mantissa, static_cast<int>(exponent) - 25);
      if (exponent == 31 && mantissa != 0) {
        wrong += std::isnan(half[i]) ? 0 : 1;
      } else {
        const double want = exponent == 31 ? sign * HUGE_VAL : sign * magnitude;
        wrong += double{half[i]} == want && std::signbit(half[i]) == std::signbit(want) ? 0 : 1;
      }
      wrong += std::bit_cast<std::uint32_t>(bfloat[i]) == i << 16 ? 0 : 1;
    }
    CAPTURE(isa);
    CHECK(wrong == 0);
    for (const std::size_t count : kCounts) {  // tails stay inside both buffers
      GuardedBuffer<std::uint16_t> few(count);
      GuardedBuffer<float> out(count);
      for (std::size_t i = 0; i < count; ++i) few[i] = 0x3c00;
      kernels::f16_to_f32(count, few.data(), out.data());
      for (const float value : out.span()) CHECK(value == 1.0f);
      for (std::size_t i = 0; i < count; ++i) few[i] = 0x3f80;
      kernels::bf16_to_f32(count, few.data(), out.data());
      for (const float value : out.span()) CHECK(value == 1.0f);
    }
  }
}

TEST_CASE("an RMS norm agrees with the double formula", "[elementwise]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(41);
    for (const std::size_t cols : kCounts) {
      for (const std::size_t rows : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
        if (cols == 0) continue;
        GuardedBuffer<float> x(rows * cols), weight(cols), y(rows * cols);
        fill_uniform(rng, x, -50, 50);
        fill_uniform(rng, weight);
        kernels::rms_norm_f32(rows, cols, x.data(), weight.data(), 1e-5f, y.data());
        std::size_t wrong = 0;
        for (std::size_t r = 0; r < rows; ++r) {
          double sum = 0;
          for (std::size_t c = 0; c < cols; ++c) sum += std::pow(double{x[r * cols + c]}, 2);
          const double scale = 1 / std::sqrt(sum / static_cast<double>(cols) + double{1e-5f});
          for (std::size_t c = 0; c < cols; ++c) {
            const double want = double{x[r * cols + c]} * scale * double{weight[c]};
            // The scale is rounded once and two products follow.
            wrong += outside(double{y[r * cols + c]}, want, 3.1 * kU * std::fabs(want));
          }
        }
        CAPTURE(isa, rows, cols);
        CHECK(wrong == 0);
        kernels::rms_norm_f32(rows, cols, x.data(), weight.data(), 1e-5f, x.data());
        CHECK(same_bytes(x, y));  // in place
      }
    }
  }
}

TEST_CASE("silu times up agrees with the double formula, extremes included", "[elementwise]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(42);
    for (const std::size_t count :
         {std::size_t{1}, std::size_t{17}, std::size_t{255}, std::size_t{40001}}) {
      GuardedBuffer<float> gate(count), up(count), out(count);
      fill_uniform(rng, gate, count > 300 ? -100 : -8, count > 300 ? 100 : 8);
      fill_uniform(rng, up);
      kernels::silu_mul_f32(count, gate.data(), up.data(), out.data());
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const double g = double{gate[i]}, want = g / (1 + std::exp(-g)) * double{up[i]};
        // 3 u from exp, one each from the sum, the quotient and the product; once exp overflows the
        // result is zero and the exact one below 2^-120.
        wrong += outside(double{out[i]}, want, 6.1 * kU * std::fabs(want) + 0x1p-120);
      }
      CAPTURE(isa, count);
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("sums and biases are exactly those of single additions", "[elementwise]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(43);
    for (const std::size_t cols : kCounts) {
      for (const std::size_t rows : {std::size_t{0}, std::size_t{1}, std::size_t{5}}) {
        GuardedBuffer<float> x(rows * cols), y(rows * cols), bias(cols);
        fill_uniform(rng, x);
        fill_uniform(rng, y);
        fill_uniform(rng, bias);
        const std::vector<float> before(y.begin(), y.end());
        kernels::add_f32(rows * cols, x.data(), y.data());
        kernels::add_bias_f32(rows, cols, bias.data(), y.data());
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < rows * cols; ++i)
          if (y[i] != before[i] + x[i] + bias[i % cols]) ++wrong;
        CAPTURE(isa, rows, cols);
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("softmax and log-sum-exp agree with the double formulas", "[elementwise]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(44);
    for (const std::size_t cols : {1, 2, 7, 8, 15, 16, 17, 31, 33, 100, 1000, 5001}) {
      for (const double spread : {1.0, 60.0, 3000.0}) {
        const std::size_t rows = 3;
        GuardedBuffer<float> x(rows * cols);
        fill_uniform(rng, x, -spread, spread);
        GuardedBuffer<double> log_sums(rows);
        kernels::log_sum_exp_f32(rows, cols, x.data(), log_sums.data());
        const std::vector<float> scores(x.begin(), x.end());
        kernels::softmax_f32(rows, cols, x.data());
        std::size_t wrong = 0;
        for (std::size_t r = 0; r < rows; ++r) {
          double highest = -HUGE_VAL, sum = 0;
          for (std::size_t c = 0; c < cols; ++c)
            highest = std::fmax(highest, double{scores[r * cols + c]});
          for (std::size_t c = 0; c < cols; ++c)
            sum += std::exp(double{scores[r * cols + c]} - highest);
          // x - max is rounded: u |x - max|; exp 3 u; the double sums add nothing visible.
          const double log_sum = highest + std::log(sum);
          wrong += outside(log_sums[r], log_sum, (2 * spread + 3) * kU + 1e-12);
          for (std::size_t c = 0; c < cols; ++c) {
            const double distance = highest - double{scores[r * cols + c]};
            const double want = std::exp(-distance) / sum;
            // As above, plus the fp32 sum over all columns (each in error by its own distance, but
            // weighted by exp(-distance), so at most 1 u) and two last roundings.
            const double relative = (distance + 3 + 4 + static_cast<double>(cols) + 2) * kU;
            wrong += outside(double{x[r * cols + c]}, want, relative * want + 2 * kSmallestStep);
          }
        }
        CAPTURE(isa, cols, spread);
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("rotary embedding agrees with the double rotation", "[elementwise]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(45);
    for (const std::size_t head_dim : {2, 4, 6, 16, 30, 32, 34, 64, 128}) {
      const std::size_t rows = 7, heads = 3, half = head_dim / 2, ldx = heads * head_dim + 5;
      GuardedBuffer<float> x((rows - 1) * ldx + heads * head_dim), cosine(rows * half),
          sine(rows * half);
      fill_uniform(rng, x);
      fill_uniform(rng, cosine);
      fill_uniform(rng, sine);
      const std::vector<float> before(x.begin(), x.end());
      kernels::rope_f32(rows, heads, head_dim, cosine.data(), sine.data(), x.data(), ldx);
      std::size_t wrong = 0;
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t i = 0; i < heads * head_dim; ++i) {
          const std::size_t head = i / head_dim, d = i % head_dim, pair = d % half;
          const double c = double{cosine[r * half + pair]}, s = double{sine[r * half + pair]};
          const double a = double{before[r * ldx + head * head_dim + pair]};
          const double b = double{before[r * ldx + head * head_dim + pair + half]};
          const double want = d < half ? a * c - b * s : b * c + a * s;
          const double magnitude =
              d < half ? std::fabs(a * c) + std::fabs(b * s) : std::fabs(b * c) + std::fabs(a * s);
          wrong += outside(double{x[r * ldx + i]}, want, 2.1 * kU * magnitude);
        }
      }
      for (std::size_t i = 0; i < x.size(); ++i)
        if (i % ldx >= heads * head_dim && std::memcmp(&x[i], &before[i], sizeof(float)) != 0)
          ++wrong;
      CAPTURE(isa, head_dim);
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("a NaN reaches the results of its row and of no other", "[elementwise]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    const std::size_t rows = 3, cols = 37;
    for (const std::size_t at : {std::size_t{0}, std::size_t{20}, cols - 1}) {
      CAPTURE(isa, at);
      Rng rng(46);
      GuardedBuffer<float> x(rows * cols), weight(cols), y(rows * cols);
      fill_uniform(rng, x);
      fill_uniform(rng, weight);
      x[cols + at] = kNan;
      GuardedBuffer<double> log_sums(rows);
      kernels::log_sum_exp_f32(rows, cols, x.data(), log_sums.data());
      for (std::size_t r = 0; r < rows; ++r) CHECK(std::isnan(log_sums[r]) == (r == 1));
      const auto only_row_one = [&](const GuardedBuffer<float>& got) {
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < rows * cols; ++i)
          if (std::isnan(got[i]) != (i / cols == 1)) ++wrong;
        return wrong == 0;
      };
      kernels::rms_norm_f32(rows, cols, x.data(), weight.data(), 1e-5f, y.data());
      CHECK(only_row_one(y));
      kernels::silu_mul_f32(cols, x.data() + cols, weight.data(), y.data());
      CHECK(std::isnan(y[at]));
      kernels::silu_mul_f32(cols, weight.data(), x.data() + cols, y.data());
      CHECK(std::isnan(y[at]));
      kernels::softmax_f32(rows, cols, x.data());
      CHECK(only_row_one(x));
    }
  }
}

TEST_CASE("row-wise operations have the same bytes at any thread count", "[elementwise][threads]") {
  for (const auto& isa : isas_under_test()) {
    const ForcedIsa forced(isa);
    const std::size_t rows = 90, cols = 700;
    std::vector<float> first;
    for (int threads : {1, 2, 3}) {
      const ForcedThreads set(threads);
      Rng rng(47);
      std::vector<float> x(rows * cols), y(rows * cols), weight(cols);
      fill_uniform(rng, x);
      fill_uniform(rng, weight);
      kernels::rms_norm_f32(rows, cols, x.data(), weight.data(), 1e-5f, y.data());
      kernels::silu_mul_f32(rows * cols, y.data(), x.data(), y.data());
      kernels::add_f32(rows * cols, x.data(), y.data());
      kernels::softmax_f32(rows, cols, y.data());
      if (threads == 1) first = y;
      CAPTURE(isa, threads);
      CHECK(std::memcmp(first.data(), y.data(), y.size() * sizeof(float)) == 0);
    }
  }
}
