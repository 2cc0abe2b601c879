#include "kernels/packed_matmul.h"

#include <cmath>
#include <limits>

#include "tests/support/catch.h"
#include "tests/unit/kernels/packed_case.h"

namespace kernels = libquant::kernels;
namespace reference = libquant::reference;
using namespace libquant::tests;
using kernels::ActivationMode;
using kernels::ActivationScale;
using kernels::MatmulOptions;
using kernels::PackedFormat;
using kernels::PackedZero;

namespace {

constexpr ActivationMode kModes[] = {ActivationMode::automatic, ActivationMode::int8,
                                     ActivationMode::int8_residual, ActivationMode::exact};

// Activations as models have them: most small, a few large, whole runs of zeros.
void fill_activations(Rng& rng, GuardedBuffer<float>& x) {
  std::normal_distribution<float> normal(0, 1);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = normal(rng) * (rng() % 97 == 0 ? 50.0f : 1.0f);
  if (x.size() > 300 && rng() % 2 == 0) std::fill(x.begin() + 64, x.begin() + 260, 0.0f);
}

struct Case {
  reference::CodedMatrix w;
  std::size_t tokens, ldx, ldy;
  GuardedBuffer<unsigned char> bytes;
  GuardedBuffer<float> x, y, bias;
  std::vector<float> before;
  MatmulOptions options;

  Case(Rng& rng, const PackedFormat& format, std::size_t n)
      : w(random_matrix(rng, format)),
        tokens(n),
        ldx(format.cols + rng() % 3),
        ldy(format.rows + rng() % 3),
        bytes(packed_bytes(w)),
        x((n - 1) * ldx + format.cols),
        y((n - 1) * ldy + format.rows),
        bias(format.rows) {
    fill_activations(rng, x);
    fill_uniform(rng, y);
    fill_uniform(rng, bias);
    before.assign(y.begin(), y.end());
    options.mode = kModes[rng() % 4];
    options.scale = static_cast<ActivationScale>(rng() % 3);
    options.tensor_scale = 0.03f;
    if (rng() % 2 == 0) options.bias = bias.data();
    if (rng() % 2 == 0) options.alpha = 0.75f;
    options.accumulate = rng() % 2 == 0;
    options.threads = static_cast<int>(rng() % 4);
  }
  ActivationMode mode() const { return kernels::resolved_mode(w.format, tokens, options.mode); }
  void run() {
    std::copy(before.begin(), before.end(), y.begin());
    kernels::packed_matmul(w.format, bytes.data(), tokens, x.data(), ldx, y.data(), ldy, options);
  }
  std::string text() const {
    std::ostringstream out;
    out << name_of(w.format) << ", " << tokens << " tokens, mode " << static_cast<int>(options.mode)
        << ", scale " << static_cast<int>(options.scale) << (options.accumulate ? ", +=" : "");
    return out.str();
  }
};

struct Mistakes {
  std::size_t bytes = 0, beyond_bound = 0, touched = 0;
};

// Every output against the reference: its bytes, and its distance to the product in long double.
Mistakes compare(const Case& c) {
  Mistakes wrong;
  const PackedFormat& f = c.w.format;
  const ActivationMode mode = c.mode();
  for (std::size_t t = 0; t < c.tokens; ++t) {
    const float* x = c.x.data() + t * c.ldx;
    const auto runs = reference::quantize_token(f, x, c.options);
    for (std::size_t m = 0; m < f.rows; ++m) {
      const float got = c.y[t * c.ldy + m], earlier = c.before[t * c.ldy + m];
      const float want =
          mode == ActivationMode::exact
              ? reference::exact_output(c.w, m, x, c.options, earlier)
              : reference::int8_output(c.w, m, runs, mode == ActivationMode::int8_residual,
                                       c.options, earlier);
      if (!(got == want)) ++wrong.bytes;
      if (c.options.scale == ActivationScale::tensor && mode != ActivationMode::exact) continue;
      auto truth = reference::true_output(c.w, m, x, runs, mode);
      truth.value *= double{c.options.alpha};
      if (c.options.bias != nullptr) truth.value += double{c.options.bias[m]};
      if (c.options.accumulate) truth.value += double{earlier};
      const double ends = 2 + std::fabs(truth.value);  // bias and earlier value are at most 1
      if (!within(double{got}, truth.value, truth.bound + 4 * reference::kUnitF32 * ends))
        ++wrong.beyond_bound;
    }
    for (std::size_t i = f.rows; t + 1 < c.tokens && i < c.ldy; ++i)
      if (c.y[t * c.ldy + i] != c.before[t * c.ldy + i]) ++wrong.touched;
  }
  return wrong;
}

void check(Case& c, const std::string& isa) {
  CAPTURE(isa, c.text());
  c.run();
  const Mistakes wrong = compare(c);
  CHECK(wrong.bytes == 0);
  CHECK(wrong.beyond_bound == 0);
  CHECK(wrong.touched == 0);
}

}  // namespace

TEST_CASE("packed products have the reference's bytes and stay within the bound", "[packed]") {
  for (const std::string& isa : packed_isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(4);
    for (int round = 0; round < (full_matrix() ? 12 : 1); ++round) {
      for (const PackedFormat& format : formats_under_test(rng, 400)) {
        Case c(rng, format, 1 + tail_size(rng, 39));
        check(c, isa);
      }
    }
  }
}

TEST_CASE("every tile width gives the reference's bytes", "[packed]") {
  for (const std::string& isa : packed_isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(5);
    for (const int bits : {2, 3, 4, 8}) {
      for (std::size_t tokens = 1; tokens <= 26; ++tokens) {
        for (const ActivationMode mode : kModes) {
          if (!full_matrix() && (tokens + static_cast<std::size_t>(bits)) % 3 != 0 && tokens > 13)
            continue;
          Case c(rng, {33, 96, bits, 32, static_cast<PackedZero>(rng() % 3)}, tokens);
          c.options.mode = mode;
          check(c, isa);
        }
      }
    }
  }
}

TEST_CASE("long rows, many tokens and many panels give the reference's bytes", "[packed]") {
  for (const std::string& isa : packed_isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(6);
    // Beyond a chunk of blocks, beyond the longest run, beyond the tokens of one pass, beyond the
    // columns whose activations stay in cache for several panels.
    Case chunks(rng, {40, 1300, 4, 0}, 13), longest(rng, {3, 33000, 8, 0}, 5),
        passes(rng, {17, 256, 3, 128}, 300), panels(rng, {300, 64, 2, 64}, 3),
        spans(rng, {35, 1300, 4, 0}, 130);
    chunks.options.scale = longest.options.scale = ActivationScale::token;
    longest.options.mode = ActivationMode::int8;
    longest.options.alpha = 1;
    panels.options.threads = spans.options.threads = 1;  // one thread gets all panels
    for (Case* c : {&chunks, &longest, &passes, &panels, &spans}) {
      check(*c, isa);
      c->options.mode = ActivationMode::exact;
      if (c != &longest) check(*c, isa);
    }
  }
}

TEST_CASE("extreme codes do not overflow any sum", "[packed]") {
  for (const std::string& isa : packed_isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(7);
    for (const int bits : {2, 3, 4, 6, 8}) {
      for (const int top : {0, 1}) {
        for (const std::size_t tokens : {1, 20}) {
          Case c(rng, {16, 512, bits, bits == 8 ? 0u : 128u, PackedZero::integer}, tokens);
          c.options.mode = ActivationMode::int8;
          c.options.scale = ActivationScale::token;
          std::fill(c.w.codes.begin(), c.w.codes.end(),
                    static_cast<std::uint8_t>(top != 0 ? (1 << bits) - 1 : 0));
          std::fill(c.w.zeros.begin(), c.w.zeros.end(),
                    static_cast<std::uint8_t>(top != 0 ? 0 : (1 << bits) - 1));
          for (float& value : c.x) value = top != 0 ? -1.0f : 1.0f;
          kernels::pack(c.w.format, {c.w.codes.data(), c.w.scales.data(), c.w.zeros.data()},
                        c.bytes.data());
          check(c, isa);
        }
      }
    }
  }
}

TEST_CASE("packed products have the same bytes at any thread count", "[packed]") {
  for (const std::string& isa : packed_isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(8);
    for (const std::size_t tokens : {1, 30}) {
      Case c(rng, {530, 256, 4, 64}, tokens);
      for (const ActivationMode mode : kModes) {
        c.options.mode = mode;
        c.options.threads = 1;
        c.run();
        const std::vector<float> one(c.y.begin(), c.y.end());
        for (const int threads : {2, 3, 7}) {
          c.options.threads = threads;
          c.run();
          CAPTURE(isa, c.text(), threads);
          CHECK(std::memcmp(one.data(), c.y.data(), one.size() * sizeof(float)) == 0);
        }
      }
    }
  }
}

TEST_CASE("a token's outputs do not depend on the tokens beside it", "[packed]") {
  for (const std::string& isa : packed_isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(9);
    Case c(rng, {48, 384, 4, 128}, 29);
    for (const ActivationMode mode :
         {ActivationMode::int8, ActivationMode::int8_residual, ActivationMode::exact}) {
      c.options.mode = mode;
      c.run();
      GuardedBuffer<float> alone(48);
      for (std::size_t t = 0; t < c.tokens; t += 7) {
        CAPTURE(isa, c.text(), t);
        std::copy_n(c.before.begin() + static_cast<std::ptrdiff_t>(t * c.ldy), 48, alone.begin());
        kernels::packed_matmul(c.w.format, c.bytes.data(), 1, c.x.data() + t * c.ldx, c.ldx,
                               alone.data(), 48, c.options);
        CHECK(std::memcmp(alone.data(), c.y.data() + t * c.ldy, 48 * sizeof(float)) == 0);
      }
    }
  }
}

TEST_CASE("infinity and NaN spoil their own token and no other", "[packed]") {
  for (const std::string& isa : packed_isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(10);
    for (const float bad :
         {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
          std::numeric_limits<float>::quiet_NaN()}) {
      for (const std::size_t tokens : {2, 25}) {
        Case c(rng, {20, 160, 4, 32}, tokens);
        for (const ActivationMode mode : kModes) {
          c.options.mode = mode;
          c.run();
          const std::vector<float> good(c.y.begin(), c.y.end());
          const std::size_t victim = tokens / 2;
          float& value = c.x[victim * c.ldx + 77];
          const float kept = value;
          value = bad;
          c.run();
          value = kept;
          CAPTURE(isa, c.text(), bad);
          std::size_t finite = 0, changed = 0;
          for (std::size_t t = 0; t < tokens; ++t) {
            for (std::size_t m = 0; m < 20; ++m) {
              const float got = c.y[t * c.ldy + m];
              if (t == victim && std::isfinite(got) && c.w.weight(m, 77) != 0) ++finite;
              if (t != victim && got != good[t * c.ldy + m]) ++changed;
            }
          }
          CHECK(finite == 0);
          CHECK(changed == 0);
        }
      }
    }
  }
}

TEST_CASE("runs too small for a scale count as zero", "[packed]") {
  for (const std::string& isa : packed_isas_under_test()) {
    const ForcedIsa forced(isa);
    Rng rng(11);
    Case c(rng, {16, 64, 4, 32}, 1);
    c.options = {};
    for (std::size_t k = 0; k < 64; ++k) c.x[k] = k < 32 ? 0x1p-120f : 0x1p-99f;
    check(c, isa);
    c.options.mode = ActivationMode::int8;
    check(c, isa);
  }
}

TEST_CASE("an empty product is the bias", "[packed]") {
  for (const std::string& isa : packed_isas_under_test()) {
    const ForcedIsa forced(isa);
    const PackedFormat format{5, 0, 4, 0};
    GuardedBuffer<unsigned char> bytes(format.bytes());
    kernels::pack(format, {nullptr, std::vector<float>(5, 1.0f).data()}, bytes.data());
    constexpr std::size_t kTokens = 30;
    GuardedBuffer<float> y(kTokens * 5);
    const std::vector<float> bias{1, 2, 3, 4, 5};
    for (const ActivationMode mode : kModes) {
      MatmulOptions options;
      options.mode = mode;
      options.bias = bias.data();
      for (const std::size_t tokens : {std::size_t{1}, kTokens}) {
        std::fill(y.begin(), y.end(), 9.0f);
        kernels::packed_matmul(format, bytes.data(), tokens, bias.data(), 0, y.data(), 5, options);
        for (std::size_t t = 0; t < tokens; ++t)
          CHECK(std::equal(bias.begin(), bias.end(), y.begin() + 5 * t));
      }
      kernels::packed_matmul(format, bytes.data(), 0, nullptr, 0, nullptr, 5, options);
    }
  }
}

TEST_CASE("the second int8 term is the default where at most two tokens run", "[packed]") {
  const PackedFormat format{16, 64, 4, 32};
  CHECK(kernels::resolved_mode(format, 1, ActivationMode::automatic) ==
        ActivationMode::int8_residual);
  CHECK(kernels::resolved_mode(format, 3, ActivationMode::automatic) == ActivationMode::int8);
  CHECK(kernels::resolved_mode(format, 1, ActivationMode::exact) == ActivationMode::exact);
}
