#include "libquant/fairness/moments.h"

#include <cmath>

#include "libquant/fairness/probe_moments.h"
#include "tests/support/catch.h"
#include "tests/support/memory_source.h"
#include "tests/support/probe_fixtures.h"
#include "tests/support/tiny_checkpoint.h"

namespace libquant {
namespace {

Matrix random_matrix(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  Rng rng(seed);
  Matrix m(rows, cols);
  for (std::size_t i = 0; i < m.size(); ++i) m.data()[i] = static_cast<float>(rng.normal());
  return m;
}

TEST_CASE("weighted moments are sums of |g|^2 x x^T, rows without gradient left out",
          "[fairness]") {
  const ModelConfig config = testing::tiny_config();
  const Matrix x = random_matrix(10, 32, 1);
  Matrix g = random_matrix(10, 16, 2);
  for (float& value : g.row(3)) value = 0;
  BlockMoments moments(config, true);
  moments.add_weighted({LinearRole::k, x, g});
  CHECK(moments.of(LinearRole::k).tokens() == 9);
  CHECK(moments.of(LinearRole::q).tokens() == 0);
  for (const auto& [i, j] : {std::pair<std::size_t, std::size_t>{0, 0}, {31, 4}, {17, 17}}) {
    double want = 0;
    for (std::size_t t = 0; t < 10; ++t) {
      double squares = 0;
      for (const float v : g.row(t)) squares += double{v} * double{v};
      want += squares * double{x(t, i)} * double{x(t, j)};
    }
    // fp32 products of rows scaled in fp32: some 1e-7 of the magnitudes, here all of order 100.
    CHECK(moments.of(LinearRole::k).lower()[i * 32 + j] == Approx(want).epsilon(1e-5).margin(1e-4));
  }
}

TEST_CASE("plain moments are shared by layers with the same inputs", "[fairness]") {
  const ModelConfig config = testing::tiny_config();
  BlockMoments moments(config, false);
  moments.add(LinearRole::q, random_matrix(4, 32, 1));
  CHECK(&moments.of(LinearRole::v) == &moments.of(LinearRole::q));
  CHECK(&moments.of(LinearRole::up) == &moments.of(LinearRole::gate));
  CHECK(moments.of(LinearRole::o).size() == 32);
  CHECK(moments.of(LinearRole::down).size() == 48);
  CHECK(leads_inputs(LinearRole::gate));
  CHECK_FALSE(leads_inputs(LinearRole::k));
}

/// All moments of all blocks of a small model under `options`.
std::vector<std::vector<double>> gathered(FairnessOptions options) {
  const testing::TinyCheckpoint model;
  const Tokenizer tokenizer(model.spec);
  std::vector<ProbeItem> items;
  for (int i = 0; i < 6; ++i) {
    items.push_back(test::ambiguous_item(i));
    items.back().context += fmt::format(" {}", i);
  }
  ProbeItem pair;
  pair.id = "pair";
  pair.form = ItemForm::sentences;
  pair.options = {{"The old man ran home", OptionRole::stereotype},
                  {"The young man ran home", OptionRole::anti}};
  items.push_back(pair);
  const auto text = testing::random_tokens(64, 256, 9);
  ProbeMoments moments(model, tokenizer, items, text, 16, options);
  options = {};  // the caller's may be gone by the time moments are gathered
  Matrix room(3 * moments.rows(), model.config().hidden_size);
  std::vector<std::vector<double>> all(2 * kLinearRoles.size());
  std::size_t blocks = 0;
  moments.run(room, [&](std::size_t layer, const BlockMoments& block) {
    ++blocks;
    for (const LinearRole role : kLinearRoles) {
      const auto lower = block.of(role).lower();
      all[layer * kLinearRoles.size() + static_cast<std::size_t>(role)].assign(lower.begin(),
                                                                               lower.end());
    }
  });
  CHECK(blocks == 2);
  return all;
}

double trace(const std::vector<double>& lower) {
  const auto n = static_cast<std::size_t>(std::lround(std::sqrt(lower.size())));
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += lower[i * n + i];
  return sum;
}

TEST_CASE(
    "every statistic gives moments of every layer; sensitivities differ between layers "
    "that share inputs",
    "[fairness]") {
  for (const auto statistic :
       {ProbeStatistic::sensitivity, ProbeStatistic::second_moments, ProbeStatistic::neutral}) {
    FairnessOptions options;
    options.statistic = statistic;
    const auto all = gathered(options);
    INFO(to_string(statistic));
    for (const auto& lower : all) CHECK(trace(lower) > 0);
    CHECK((all[0] == all[1]) == (statistic == ProbeStatistic::second_moments));
  }
}

TEST_CASE("pair differences are zero before the first attention and not after", "[fairness]") {
  FairnessOptions options;
  options.statistic = ProbeStatistic::pair_differences;
  const auto all = gathered(options);
  CHECK(trace(all[static_cast<std::size_t>(LinearRole::q)]) == 0);
  CHECK(trace(all[static_cast<std::size_t>(LinearRole::o)]) > 0);
  CHECK(trace(all[kLinearRoles.size()]) > 0);
}

TEST_CASE("moments repeat with their seed and change with it", "[fairness]") {
  FairnessOptions options;
  const auto first = gathered(options);
  CHECK(gathered(options) == first);
  options.seed = 2;
  CHECK(gathered(options) != first);
}

}  // namespace
}  // namespace libquant
