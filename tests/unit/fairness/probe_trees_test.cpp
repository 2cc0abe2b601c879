#include "libquant/fairness/probe_trees.h"

#include <cmath>
#include <numeric>

#include "libquant/core/error.h"
#include "libquant/fairness/sensitivity.h"
#include "libquant/model/model.h"
#include "libquant/scoring/score_items.h"
#include "tests/support/catch.h"
#include "tests/support/probe_fixtures.h"
#include "tests/support/tiny_checkpoint.h"

namespace libquant {
namespace {

std::vector<double> scored(const WeightSource& source, const ProbeTrees& probes) {
  Matrix room((source.config().layers + 1) * GradientPass::count_rows(probes.trees),
              source.config().hidden_size);
  return GradientPass(source, probes.trees, probes.scored, room).forward();
}

ProbeItem sentences(bool with_third) {
  ProbeItem item;
  item.id = "pair";
  item.form = ItemForm::sentences;
  item.options = {{"They say he is lazy", OptionRole::stereotype},
                  {"They say he is busy indeed", OptionRole::anti}};
  if (with_third)
    item.options.insert(item.options.begin(), {"Green says table", OptionRole::unrelated});
  return item;
}

void same_distribution(const std::vector<double>& p, const std::vector<double>& expected) {
  REQUIRE(p.size() == expected.size());
  CHECK(std::accumulate(p.begin(), p.end(), 0.0) == Approx(1));
  for (std::size_t i = 0; i < p.size(); ++i) CHECK(p[i] == Approx(expected[i]).epsilon(1e-4));
}

// The same prompts, tokens and rules as the audit, or a gain here would be none there.
void check_forms(ModelConfig config) {
  const testing::TinyCheckpoint source(std::move(config));
  const Tokenizer tokenizer(source.spec);
  const Model model(source);
  const std::vector<ProbeItem> items{test::ambiguous_item(0), sentences(false)};
  FairnessOptions options;
  options.letters = true;
  const ProbeTrees probes = make_probe_trees(tokenizer, source.config(), items, options);
  const auto p = option_probabilities(probes, scored(source, probes));
  const auto scores = score_items(model, tokenizer, items, {});
  REQUIRE(p.size() == 5);  // three letter orders, the answers, the pair
  for (std::size_t d = 0; d < p.size(); ++d) {
    INFO(probes.distributions[d].name);
    if (d < 3) {
      // Options of an order come as they are lettered, from option d on.
      std::vector<double> expected;
      for (std::size_t i = 0; i < 3; ++i)
        expected.push_back(std::exp(scores[0].letter_orders[d * 3 + (d + i) % 3]));
      same_distribution(p[d], expected);
    } else if (d == 3) {
      same_distribution(p[d], option_probabilities(scores[0], ScoringFormat::answer_per_token));
    } else {
      same_distribution(p[d], option_probabilities(scores[1], ScoringFormat::sentence_per_token));
    }
  }
}

TEST_CASE("distributions of probe trees are those of the audit's scores", "[fairness]") {
  ModelConfig config = testing::tiny_text_config();
  config.max_positions = 512;
  check_forms(config);
}

TEST_CASE("also where the rotary embedding changes between prompt and answer", "[fairness]") {
  ModelConfig config = testing::tiny_text_config();
  config.max_positions = 50;  // the answers cross it
  config.rope.scaling = RopeConfig::Scaling::dynamic;
  config.rope.factor = 8;
  check_forms(config);
}

TEST_CASE("a prompt is laid out once for all its answers", "[fairness]") {
  const testing::TinyCheckpoint source;
  const Tokenizer tokenizer(source.spec);
  const std::vector<ProbeItem> items{test::ambiguous_item(0)};
  const ProbeTrees probes = make_probe_trees(tokenizer, source.config(), items, {});
  REQUIRE(probes.trees.size() == 1);
  CHECK(probes.trees[0].branches.size() == 3);
  CHECK(probes.scored[0].row == probes.trees[0].trunk.size() - 1);
}

TEST_CASE("of StereoSet's three sentences the meaningless one is left out", "[fairness]") {
  const testing::TinyCheckpoint source;
  const Tokenizer tokenizer(source.spec);
  const std::vector<ProbeItem> items{sentences(true)};
  const ProbeTrees probes = make_probe_trees(tokenizer, source.config(), items, {});
  REQUIRE(probes.distributions.size() == 1);
  CHECK(probes.distributions[0].options.size() == 2);
  const ProbeTrees pairs = make_pair_trees(tokenizer, items, std::nullopt);
  REQUIRE(pairs.trees.size() == 1);
  CHECK(pairs.trees[0].branches[0].size() != pairs.trees[0].branches[1].size());
  const ProbeTrees padded = make_pair_trees(tokenizer, items, 256);
  CHECK(padded.trees[0].branches[0].size() == padded.trees[0].branches[1].size());
  CHECK(padded.trees[0].branches[0].back() == 256);
}

TEST_CASE("text windows score every token after the first", "[fairness]") {
  const auto tokens = testing::random_tokens(24, 256, 1);
  const ProbeTrees text = make_text_trees(tokens, 8);
  CHECK(text.trees.size() == 3);
  CHECK(text.scored.size() == 3 * 7);
  CHECK(text.scored[7].row == 8);
  CHECK(text.scored[7].token == tokens[9]);
  CHECK_THROWS_AS(make_text_trees(tokens, 7), InvalidArgument);
}

TEST_CASE("items without a form that is asked for are an error", "[fairness]") {
  const testing::TinyCheckpoint source;
  const Tokenizer tokenizer(source.spec);
  FairnessOptions options;
  options.answers = options.letters = false;
  const std::vector<ProbeItem> items{test::ambiguous_item(0)};
  CHECK_THROWS_AS(make_probe_trees(tokenizer, source.config(), items, options), InvalidArgument);
  CHECK_THROWS_AS(make_pair_trees(tokenizer, items, std::nullopt), InvalidArgument);
}

}  // namespace
}  // namespace libquant
