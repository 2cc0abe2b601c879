#include "libquant/model/sampling.h"

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "libquant/core/error.h"
#include "tests/support/catch.h"

namespace libquant {
namespace {

SamplingOptions options_with(double temperature, std::size_t top_k = 0, double top_p = 1) {
  SamplingOptions options;
  options.temperature = temperature;
  options.top_k = top_k;
  options.top_p = top_p;
  return options;
}

std::vector<std::size_t> counts(const std::vector<float>& logits, const SamplingOptions& options,
                                std::size_t draws) {
  Rng rng(12345);
  std::vector<std::size_t> result(logits.size());
  for (std::size_t i = 0; i < draws; ++i)
    ++result[static_cast<std::size_t>(sample_token(logits, options, rng))];
  return result;
}

std::set<std::size_t> drawn(const std::vector<float>& logits, const SamplingOptions& options) {
  std::set<std::size_t> ids;
  const std::vector<std::size_t> seen = counts(logits, options, 2000);
  for (std::size_t i = 0; i < seen.size(); ++i)
    if (seen[i] > 0) ids.insert(i);
  return ids;
}

// Pearson's statistic of `draws` draws against the probabilities of the tokens in `kept`.
double chi_square(const std::vector<float>& logits, const SamplingOptions& options,
                  const std::vector<std::size_t>& kept) {
  constexpr std::size_t kDraws = 20000;
  const std::vector<std::size_t> seen = counts(logits, options, kDraws);
  double sum = 0, statistic = 0;
  for (const std::size_t id : kept) sum += std::exp(double{logits[id]} / options.temperature);
  for (const std::size_t id : kept) {
    const double expected =
        static_cast<double>(kDraws) * std::exp(double{logits[id]} / options.temperature) / sum;
    const double apart = static_cast<double>(seen[id]) - expected;
    statistic += apart * apart / expected;
  }
  return statistic;
}

const std::vector<float> kLogits{0.5f, 2.0f, -1.0f, 1.5f, 0.0f};

TEST_CASE("samples follow the softmax at the given temperature", "[model]") {
  // 4 degrees of freedom: a right sampler exceeds 23.5 once in 10,000 seeds.
  CHECK(chi_square(kLogits, options_with(1), {0, 1, 2, 3, 4}) < 23.5);
  CHECK(chi_square(kLogits, options_with(0.7), {0, 1, 2, 3, 4}) < 23.5);
  CHECK(chi_square(kLogits, options_with(3), {0, 1, 2, 3, 4}) < 23.5);
  // And the statistic notices another temperature.
  SamplingOptions other = options_with(1);
  const std::vector<std::size_t> seen = counts(kLogits, other, 20000);
  CHECK(static_cast<double>(seen[1]) / 20000 == Approx(0.4837).epsilon(0.03));
}

TEST_CASE("samples from the kept tokens follow their renormalised softmax", "[model]") {
  // 2 degrees of freedom: 18.4 at 1 in 10,000.
  CHECK(chi_square(kLogits, options_with(1, 3), {0, 1, 3}) < 18.4);
  // Probabilities 0.484, 0.293, 0.108 ...: the third brings the sum past 0.8.
  CHECK(chi_square(kLogits, options_with(1, 0, 0.8), {0, 1, 3}) < 18.4);
}

TEST_CASE("top_k keeps the k largest, of equals the smaller ids", "[model]") {
  CHECK(drawn(kLogits, options_with(1, 1)) == std::set<std::size_t>{1});
  CHECK(drawn(kLogits, options_with(2, 2)) == std::set<std::size_t>{1, 3});
  CHECK(drawn(kLogits, options_with(2, 5)).size() == 5);
  CHECK(drawn(kLogits, options_with(2, 500)).size() == 5);
  CHECK(drawn({1, 1, 1, 1}, options_with(1, 2)) == std::set<std::size_t>{0, 1});
}

TEST_CASE("top_p keeps the smallest set that reaches it, at least one token", "[model]") {
  const std::vector<float> equal{1, 1, 1, 1};
  CHECK(drawn(equal, options_with(1, 0, 1e-9)) == std::set<std::size_t>{0});
  CHECK(drawn(equal, options_with(1, 0, 0.25)) == std::set<std::size_t>{0});
  CHECK(drawn(equal, options_with(1, 0, 0.5)) == std::set<std::size_t>{0, 1});
  CHECK(drawn(equal, options_with(1, 0, 0.51)) == std::set<std::size_t>{0, 1, 2});
  CHECK(drawn(equal, options_with(1, 0, 1)).size() == 4);
  // Of the two that top_k leaves, each has half: top_p counts after top_k.
  CHECK(drawn(equal, options_with(1, 2, 0.5)) == std::set<std::size_t>{0});
}

TEST_CASE("greedy is argmax, ties go to the smaller id, and the generator is left alone",
          "[model]") {
  Rng rng(7), untouched(7);
  CHECK(sample_token(kLogits, options_with(0), rng) == 1);
  CHECK(sample_token(std::vector<float>{3, 5, 5, 1}, options_with(0), rng) == 1);
  CHECK(rng.next() == untouched.next());
  CHECK(argmax(std::vector<float>{-2}) == 0);
}

TEST_CASE("the same seed draws the same tokens, another seed others", "[model]") {
  const auto draw = [](std::uint64_t seed) {
    Rng rng(seed);
    std::vector<std::int32_t> tokens;
    for (int i = 0; i < 50; ++i) tokens.push_back(sample_token(kLogits, options_with(1), rng));
    return tokens;
  };
  CHECK(draw(1) == draw(1));
  CHECK(draw(1) != draw(2));
}

TEST_CASE("infinite logits are certain or impossible, NaN is refused", "[model]") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  CHECK(drawn({0, kInfinity, 1}, options_with(1)) == std::set<std::size_t>{1});
  CHECK(drawn({0, -kInfinity, 1}, options_with(1)) == std::set<std::size_t>{0, 2});
  Rng rng(1);
  const std::vector<float> bad{0, std::numeric_limits<float>::quiet_NaN()};
  CHECK_THROWS_AS(sample_token(bad, options_with(1), rng), InvalidArgument);
  CHECK_THROWS_AS(sample_token({}, options_with(0), rng), InvalidArgument);
}

TEST_CASE("sampling options out of range are refused by name", "[model]") {
  CHECK_THROWS_WITH(check_sampling(options_with(-1)),
                    libquant::testing::contains_text("temperature"));
  CHECK_THROWS_WITH(check_sampling(options_with(std::nan(""))),
                    libquant::testing::contains_text("temperature"));
  CHECK_THROWS_WITH(check_sampling(options_with(1, 0, 0)),
                    libquant::testing::contains_text("top_p"));
  CHECK_THROWS_WITH(check_sampling(options_with(1, 0, 1.01)),
                    libquant::testing::contains_text("top_p"));
  CHECK_NOTHROW(check_sampling(options_with(1, 0, 1)));
}

}  // namespace
}  // namespace libquant
