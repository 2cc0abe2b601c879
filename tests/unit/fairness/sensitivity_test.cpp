#include "libquant/fairness/sensitivity.h"

#include <cmath>
#include <map>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/fairness/moments.h"
#include "tests/support/catch.h"
#include "tests/support/probe_fixtures.h"
#include "tests/support/tiny_checkpoint.h"

namespace libquant {
namespace {

/// One distribution over three options of 1, 2 and 1 tokens with weights of means per token.
ProbeTrees three_options() {
  ProbeTrees probes;
  probes.scored.assign(4, {0, 0});
  OptionDistribution d;
  d.name = "item";
  d.options = {{0, 1, 1.0}, {1, 2, 0.5}, {3, 1, 1.0}};
  probes.distributions.push_back(d);
  return probes;
}
const std::vector<double> kLogs{std::log(0.2), std::log(0.1), std::log(0.4), std::log(0.3)};

TEST_CASE("probabilities are the softmax of weighted sums", "[fairness]") {
  // exp(z) = 0.2, sqrt(0.1 * 0.4) = 0.2, 0.3.
  const auto p = option_probabilities(three_options(), kLogs);
  REQUIRE(p.size() == 1);
  CHECK(p[0][0] == Approx(2.0 / 7));
  CHECK(p[0][1] == Approx(2.0 / 7));
  CHECK(p[0][2] == Approx(3.0 / 7));
}

/// The coefficient of every option's z, by sign pattern, until every pattern was drawn.
std::map<int, std::vector<double>> all_patterns(const ProbeTrees& probes,
                                                const std::vector<double>& logs) {
  const auto p = option_probabilities(probes, logs)[0];
  std::map<int, std::vector<double>> patterns;
  for (std::uint64_t seed = 0; seed < 1000 && patterns.size() < 8; ++seed) {
    const auto c = fisher_coefficients(probes, logs, seed);
    for (int pattern = 0; pattern < 8; ++pattern) {
      std::vector<double> drawn;
      double sum = 0, off = 0;
      for (std::size_t o = 0; o < 3; ++o) {
        drawn.push_back((pattern >> o & 1 ? 1 : -1) * std::sqrt(p[o]));
        sum += drawn.back();
      }
      for (std::size_t o = 0; o < 3; ++o) {
        const auto& option = probes.distributions[0].options[o];
        off += std::fabs(c[option.first] - option.weight * (drawn[o] - p[o] * sum));
      }
      if (off < 1e-12) patterns[pattern] = c;
    }
  }
  return patterns;
}

TEST_CASE("over all signs the coefficients' second moments are the softmax's Fisher matrix",
          "[fairness]") {
  const ProbeTrees probes = three_options();
  const auto patterns = all_patterns(probes, kLogs);
  REQUIRE(patterns.size() == 8);  // and no draw is anything else
  const auto p = option_probabilities(probes, kLogs)[0];
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t b = 0; b < 3; ++b) {
      double mean = 0;
      for (const auto& [pattern, c] : patterns) {
        const auto& oa = probes.distributions[0].options[a];
        const auto& ob = probes.distributions[0].options[b];
        mean += c[oa.first] / oa.weight * c[ob.first] / ob.weight / 8;
      }
      CHECK(mean == Approx(a == b ? p[a] * (1 - p[a]) : -p[a] * p[b]).epsilon(1e-12));
    }
  }
}

TEST_CASE("signs are fair coins: any two options agree half of the time", "[fairness]") {
  ProbeTrees probes = three_options();
  int agree = 0;
  constexpr int kDraws = 4000;
  for (int i = 0; i < kDraws; ++i) {
    probes.distributions[0].name = fmt::format("item {}", i);
    // With p = 1/3 each, c is proportional to e - mean(e): equal where the signs agree.
    const auto c = fisher_coefficients(probes, std::vector<double>(4), 1);
    agree += std::fabs(c[0] - c[3]) < 1e-12 ? 1 : 0;
  }
  CHECK(std::abs(agree - kDraws / 2) < 4 * std::sqrt(kDraws) / 2);
}

/// Weighted moments of all layers for given coefficients.
std::vector<std::vector<double>> moments_for(const WeightSource& source, const ProbeTrees& probes,
                                             const std::vector<double>& coefficients) {
  Matrix room((source.config().layers + 1) * GradientPass::count_rows(probes.trees),
              source.config().hidden_size);
  GradientPass pass(source, probes.trees, probes.scored, room);
  pass.forward();
  std::vector<std::vector<double>> all;
  BlockMoments moments(source.config(), true);
  pass.backward(
      coefficients, [&](const PassRows& rows) { moments.add_weighted(rows.linear); },
      [&](std::size_t) {
        for (const LinearRole role : kLinearRoles) {
          const auto lower = moments.of(role).lower();
          all.emplace_back(lower.begin(), lower.end());
        }
        moments = BlockMoments(source.config(), true);
      });
  return all;
}

TEST_CASE("one draw is unbiased: over all signs, H_D is the Fisher-weighted sum over options",
          "[fairness]") {
  const testing::TinyCheckpoint source;
  const Tokenizer tokenizer(source.spec);
  const std::vector<ProbeItem> items{test::ambiguous_item(0)};
  const ProbeTrees probes = make_probe_trees(tokenizer, source.config(), items, {});
  Matrix room(3 * GradientPass::count_rows(probes.trees), source.config().hidden_size);
  const auto logs = GradientPass(source, probes.trees, probes.scored, room).forward();
  const auto p = option_probabilities(probes, logs)[0];

  std::vector<std::vector<double>> drawn, exact;
  const auto accumulate = [](std::vector<std::vector<double>>& sum, double weight,
                             const std::vector<std::vector<double>>& part) {
    if (sum.empty())
      for (const auto& lower : part) sum.emplace_back(lower.size());
    for (std::size_t l = 0; l < part.size(); ++l)
      for (std::size_t i = 0; i < part[l].size(); ++i) sum[l][i] += weight * part[l][i];
  };
  const auto patterns = all_patterns(probes, logs);
  REQUIRE(patterns.size() == 8);
  for (const auto& [pattern, c] : patterns)
    accumulate(drawn, 1.0 / 8, moments_for(source, probes, c));
  for (std::size_t o = 0; o < 3; ++o) {
    // grad log p_o = grad z_o - sum_j p_j grad z_j
    std::vector<double> c(probes.scored.size());
    for (std::size_t j = 0; j < 3; ++j) {
      const auto& option = probes.distributions[0].options[j];
      for (std::size_t i = option.first; i < option.first + option.count; ++i)
        c[i] = option.weight * ((j == o ? 1.0 : 0.0) - p[j]);
    }
    accumulate(exact, p[o], moments_for(source, probes, c));
  }
  REQUIRE(drawn.size() == 14);
  for (std::size_t l = 0; l < drawn.size(); ++l) {
    double off = 0, size = 0;
    for (std::size_t i = 0; i < drawn[l].size(); ++i) {
      off += (drawn[l][i] - exact[l][i]) * (drawn[l][i] - exact[l][i]);
      size += exact[l][i] * exact[l][i];
    }
    INFO("layer " << l);
    CHECK(size > 0);
    // Gradients in fp32, some 1e-6 of their size each.
    CHECK(std::sqrt(off / size) < 1e-4);
  }
}

TEST_CASE("coefficients of text are signs", "[fairness]") {
  const ProbeTrees text = make_text_trees(testing::random_tokens(400, 256, 1), 8);
  int sum = 0;
  for (const double c : text_coefficients(text, 1)) {
    CHECK(std::fabs(c) == 1);
    sum += c > 0 ? 1 : -1;
  }
  CHECK(std::abs(sum) < 4 * std::sqrt(350));
  CHECK_THROWS_AS(fisher_coefficients(three_options(), std::vector<double>(3), 1), InvalidArgument);
}

}  // namespace
}  // namespace libquant
