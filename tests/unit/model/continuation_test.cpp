#include <cmath>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/model/model.h"
#include "tests/support/catch.h"
#include "tests/support/memory_source.h"

namespace libquant {
namespace {

using testing::MemorySource;
using testing::random_tokens;
using Tokens = std::vector<std::int32_t>;

// Log-softmax of one full pass over prefix and continuation, in double. The last token is scored,
// not fed: with length-dependent rotary embedding that makes a difference.
std::vector<double> from_full_pass(const Model& model, const Tokens& prefix,
                                   const Tokens& continuation) {
  if (continuation.empty()) return {};
  Tokens all = prefix;
  all.insert(all.end(), continuation.begin(), continuation.end() - 1);
  const Matrix logits = model.logits(model.hidden_states({all, {all.size()}}));
  std::vector<double> values;
  for (std::size_t t = 0; t < continuation.size(); ++t) {
    const std::size_t row = prefix.size() + t - 1;
    double sum = 0;
    for (const float logit : logits.row(row)) sum += std::exp(double{logit});
    values.push_back(double{logits(row, static_cast<std::size_t>(continuation[t]))} -
                     std::log(sum));
  }
  return values;
}

void check_against_full_passes(const ModelConfig& config, std::size_t prefix_length,
                               const std::vector<std::size_t>& lengths) {
  const Model model{MemorySource(config)};
  const Tokens prefix = random_tokens(prefix_length, config.vocabulary_size, 1);
  std::vector<Tokens> continuations;
  for (const std::size_t length : lengths)
    continuations.push_back(
        random_tokens(length, config.vocabulary_size, 100 + continuations.size()));
  const auto values = model.continuation_log_probabilities(prefix, continuations);
  REQUIRE(values.size() == continuations.size());
  for (std::size_t c = 0; c < continuations.size(); ++c) {
    const std::vector<double> expected = from_full_pass(model, prefix, continuations[c]);
    REQUIRE(values[c].size() == expected.size());
    // Logits of these models stay below 8; two of them differ by kReorderedSums = 4e-5 of that.
    for (std::size_t t = 0; t < expected.size(); ++t)
      CHECK(std::abs(values[c][t] - expected[t]) <= 2 * 8 * 4e-5);
  }
}

TEST_CASE("continuations after a shared prefix have the log-probabilities of full passes",
          "[model]") {
  ModelConfig config = testing::tiny_config();
  check_against_full_passes(config, 20, {1, 5, 0, 12, 1, 3});
  check_against_full_passes(config, 1, {2, 2});
  config.sliding_window = 7;
  check_against_full_passes(config, 30, {9, 4});
}

// Prompts that begin alike in several ways: all of them, in threes, and one inside another.
std::vector<PromptTree> related_trees(std::size_t vocabulary) {
  const Tokens common = random_tokens(11, vocabulary, 500);
  std::vector<PromptTree> trees;
  for (std::size_t t = 0; t < 9; ++t) {
    Tokens prefix = common;
    const Tokens third = random_tokens(9, vocabulary, 510 + t / 3);
    const Tokens own = random_tokens(3 * (t % 3), vocabulary, 520 + t);
    prefix.insert(prefix.end(), third.begin(), third.end());
    prefix.insert(prefix.end(), own.begin(), own.end());
    trees.push_back({std::move(prefix), {}});
    for (std::size_t c = 0; c < 3; ++c)
      trees.back().continuations.push_back(random_tokens(1 + c + t % 2, vocabulary, 600 + c));
  }
  for (std::size_t t = 0; t < 7; ++t) {
    trees.push_back({random_tokens(1 + 5 * t, vocabulary, 300 + t), {}});
    for (std::size_t c = 0; c < 3; ++c)
      trees.back().continuations.push_back(random_tokens(c + t % 2, vocabulary, 400 + 10 * t + c));
  }
  return trees;
}

TEST_CASE("trees that share beginnings have the values of full passes over each", "[model]") {
  ModelConfig config = testing::tiny_config();
  for (const std::size_t window : {std::size_t{0}, std::size_t{7}}) {
    config.sliding_window = window;
    const Model model{MemorySource(config)};
    const std::vector<PromptTree> trees = related_trees(config.vocabulary_size);
    const auto together = model.score_trees(trees);
    REQUIRE(together.size() == trees.size());
    for (std::size_t t = 0; t < trees.size(); ++t) {
      for (std::size_t c = 0; c < trees[t].continuations.size(); ++c) {
        const auto expected = from_full_pass(model, trees[t].prefix, trees[t].continuations[c]);
        REQUIRE(together[t].continuations[c].size() == expected.size());
        for (std::size_t k = 0; k < expected.size(); ++k)
          CHECK(std::abs(together[t].continuations[c][k] - expected[k]) <= 2 * 8 * 4e-5);
      }
    }
  }
}

TEST_CASE("what prompts share is computed once, and counted once", "[model]") {
  const ModelConfig config = testing::tiny_config();
  const Model model{MemorySource(config)};
  const Tokens context = random_tokens(20, config.vocabulary_size, 1);
  std::vector<PromptTree> trees;
  for (std::size_t t = 0; t < 3; ++t) {
    Tokens prefix = context;
    const Tokens own = random_tokens(10, config.vocabulary_size, 2 + t);
    prefix.insert(prefix.end(), own.begin(), own.end());
    trees.push_back({prefix, {{1}, {2}, {3}}});
  }
  TreeCost cost;
  model.score_trees(trees, &cost);
  CHECK(cost.tokens == 20 + 3 * 10);
  CHECK(cost.scored_rows == 3);  // three letters after one state
  CHECK(cost.attended == 210 + 3 * (10 * 20 + 55));
  // By hand: all linear layers per token, two products per attended pair, the head per row.
  const double hidden = 32, heads = 32, kv = 16, inner = 48;
  REQUIRE(config.hidden_size == 32);
  REQUIRE(config.heads * config.head_dim == 32);
  REQUIRE(config.kv_heads * config.head_dim == 16);
  REQUIRE(config.intermediate_size == 48);
  const double linear = hidden * heads * 2 + hidden * kv * 2 + 3 * hidden * inner;
  CHECK(flops(cost, config) ==
        2 * static_cast<double>(config.layers) * (50 * linear + 2 * cost.attended * heads) +
            2 * 3 * hidden * static_cast<double>(config.vocabulary_size));
}

TEST_CASE("many continuations are computed in several batches", "[model]") {
  check_against_full_passes(testing::tiny_config(), 3, std::vector<std::size_t>(46, 90));
}

TEST_CASE("the prefix is not shared where its rotary embedding would be another", "[model]") {
  ModelConfig config = testing::tiny_config();
  config.max_positions = 24;
  config.rope.scaling = RopeConfig::Scaling::dynamic;
  config.rope.factor = 4;
  check_against_full_passes(config, 20, {1, 8, 0, 30});
  config.rope.scaling = RopeConfig::Scaling::longrope;
  config.max_positions = 128;
  config.rope.original_max_positions = 24;
  config.rope.short_factors = {1, 1, 1.5, 2};
  config.rope.long_factors = {1, 3, 5, 9};
  check_against_full_passes(config, 20, {2, 8, 30});
}

TEST_CASE("continuations that are nothing, too long or after nothing", "[model]") {
  const Model model{MemorySource(testing::tiny_config())};
  const Tokens prefix{1, 2, 3};
  CHECK(model.continuation_log_probabilities(prefix, {}).empty());
  const std::vector<Tokens> nothing(2);
  CHECK(model.continuation_log_probabilities(prefix, nothing) ==
        std::vector<std::vector<double>>(2));
  const std::vector<Tokens> one{{4}};
  CHECK_THROWS_AS(model.continuation_log_probabilities({}, one), InvalidArgument);
  // The last token is scored, not fed: 3 + 126 tokens take 128 positions.
  const std::vector<Tokens> longest{Tokens(126, 5)}, longer{Tokens(127, 5)};
  CHECK_NOTHROW(model.continuation_log_probabilities(prefix, longest));
  CHECK_THROWS_AS(model.continuation_log_probabilities(prefix, longer), InvalidArgument);
  const std::vector<Tokens> outside{{4, 41}};
  CHECK_THROWS_AS(model.continuation_log_probabilities(prefix, outside), InvalidArgument);
}

}  // namespace
}  // namespace libquant
