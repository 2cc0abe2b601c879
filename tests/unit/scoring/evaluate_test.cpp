#include "libquant/scoring/evaluate.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <vector>

#include "kernels/threads.h"
#include "libquant/core/error.h"
#include "tests/support/catch.h"
#include "tests/support/memory_source.h"

namespace libquant {
namespace {

using testing::MemorySource;
using testing::random_tokens;
using testing::tiny_config;
using Tokens = std::vector<std::int32_t>;

// Whatever the token, the logits are the logarithms of `probabilities`: blocks add nothing, the
// embeddings are all ones, and so is their RMS norm up to epsilon.
MemorySource constant_source(const std::vector<double>& probabilities) {
  ModelConfig config = tiny_config();
  config.vocabulary_size = probabilities.size();
  config.rms_epsilon = 1e-12;
  MemorySource source(config);
  for (auto& [name, tensor] : source.tensors) {
    const bool ones = name == "model.embed_tokens.weight" || name.ends_with("norm.weight");
    for (std::size_t i = 0; i < tensor.size(); ++i) tensor.data()[i] = ones ? 1 : 0;
  }
  Matrix& head = source.tensors.at("lm_head.weight");
  for (std::size_t v = 0; v < probabilities.size(); ++v)
    head(v, 0) = static_cast<float>(std::log(probabilities[v]));
  return source;
}

EvalOptions windows_of(std::size_t window) {
  EvalOptions options;
  options.window = window;
  return options;
}

TEST_CASE("a model that knows nothing has the vocabulary's size as perplexity", "[scoring]") {
  const Model model{constant_source(std::vector<double>(41, 1.0 / 41))};
  const EvalResult result = evaluate(model, nullptr, random_tokens(500, 41, 1), windows_of(64));
  CHECK(result.perplexity == Approx(41).epsilon(1e-6));
  CHECK(result.negative_log_likelihood == Approx(std::log(41.0)).epsilon(1e-6));
  CHECK(std::isnan(result.kl_divergence));
  CHECK(std::isnan(result.top1_agreement));
  CHECK(std::isnan(result.reference_perplexity));
}

TEST_CASE("perplexity, divergence and agreement of two known distributions", "[scoring]") {
  // KL(p || q) = 1/2 ln(2) + 1/4 ln(1/2) + 1/8 ln(1) + 1/8 ln(1) = 1/4 ln 2.
  const Model reference{constant_source({0.5, 0.25, 0.125, 0.125})};
  const Model model{constant_source({0.25, 0.5, 0.125, 0.125})};
  const Tokens tokens{0, 0, 1, 2, 3, 0, 1, 1};
  const EvalResult result = evaluate(model, &reference, tokens, windows_of(8));
  CHECK(result.kl_divergence == Approx(0.25 * std::numbers::ln2).epsilon(1e-5));
  CHECK(result.top1_agreement == 0);
  CHECK(result.scored_tokens == 7);
  // Scored are 0 1 2 3 0 1 1: model 2+1+3+3+2+1+1 = 13 halvings, reference 1+2+3+3+1+2+2 = 14.
  CHECK(result.negative_log_likelihood == Approx(13.0 / 7 * std::numbers::ln2).epsilon(1e-5));
  CHECK(result.reference_perplexity == Approx(std::exp2(14.0 / 7)).epsilon(1e-5));
}

TEST_CASE("a model does not diverge from itself", "[scoring]") {
  const Model model{MemorySource(tiny_config())};
  const EvalResult result = evaluate(model, &model, random_tokens(300, 41, 2), windows_of(50));
  CHECK(result.kl_divergence == 0);
  CHECK(result.top1_agreement == 1);
  CHECK(result.reference_perplexity == result.perplexity);
}

TEST_CASE("agreement counts the tokens whose best guess is the same", "[scoring]") {
  const MemorySource source(tiny_config());
  MemorySource changed(tiny_config());
  for (float& weight : changed.tensors.at("model.layers.1.mlp.down_proj.weight").row(3))
    weight *= -1;
  const Model reference(source), model(changed);
  const Tokens tokens = random_tokens(60, 41, 3);
  const EvalResult result = evaluate(model, &reference, tokens, windows_of(60));
  const Matrix a = model.logits(model.hidden_states({tokens, {60}}));
  const Matrix b = reference.logits(reference.hidden_states({tokens, {60}}));
  std::size_t same = 0;
  for (std::size_t t = 0; t + 1 < 60; ++t)
    same += std::ranges::max_element(a.row(t)) - a.row(t).begin() ==
                    std::ranges::max_element(b.row(t)) - b.row(t).begin()
                ? 1
                : 0;
  CHECK(result.top1_agreement == static_cast<double>(same) / 59);
  CHECK(same < 59);
  CHECK(result.kl_divergence > 0);
}

TEST_CASE("windows do not see one another and leave their first token unscored", "[scoring]") {
  const Model model{MemorySource(tiny_config())};
  const Tokens tokens = random_tokens(37, 41, 4);
  double sum = 0;
  for (std::size_t begin = 0; begin < 37; begin += 10) {
    const std::size_t count = std::min<std::size_t>(10, 37 - begin);
    const auto first = tokens.begin() + static_cast<std::ptrdiff_t>(begin);
    const Tokens window(first, first + static_cast<std::ptrdiff_t>(count));
    const Matrix hidden = model.hidden_states({window, {count}});
    for (const double value : model.log_probabilities(hidden.view().row_range(0, count - 1),
                                                      std::span(window).subspan(1)))
      sum += value;
  }
  const EvalResult result = evaluate(model, nullptr, tokens, windows_of(10));
  CHECK(result.windows == 4);
  CHECK(result.scored_tokens == 33);
  // Windows share a forward pass here: other orders of summation, see kReorderedSums; logits < 8.
  CHECK(std::abs(result.negative_log_likelihood + sum / 33) <= 2 * 8 * 4e-5);
}

TEST_CASE("which tokens are scored", "[scoring]") {
  const Model model{constant_source({0.5, 0.25, 0.125, 0.125})};
  const auto run = [&](std::size_t tokens, EvalOptions options) {
    const EvalResult result = evaluate(model, nullptr, Tokens(tokens, 1), options);
    return std::pair(result.windows, result.scored_tokens);
  };
  using Counts = std::pair<std::size_t, std::size_t>;
  CHECK(run(12, windows_of(4)) == Counts(3, 9));
  CHECK(run(10, windows_of(4)) == Counts(3, 7));
  CHECK(run(9, windows_of(4)) == Counts(2, 6));         // the last window would hold one token
  CHECK(run(300, windows_of(2048)) == Counts(3, 297));  // the model takes 128 positions
  EvalOptions options = windows_of(4);
  options.add_bos = true;
  options.bos = 0;
  CHECK(run(9, options) == Counts(3, 9));
  CHECK(run(10, options) == Counts(4, 10));
  CHECK(run(1, options) == Counts(1, 1));
  options = windows_of(4);
  options.max_tokens = 5;
  CHECK(run(12, options) == Counts(1, 3));
  options.max_tokens = 100;
  CHECK(run(12, options) == Counts(3, 9));
}

TEST_CASE("windows that overlap score every token once, after what they share", "[scoring]") {
  const Model model{MemorySource(tiny_config())};
  const Tokens tokens = random_tokens(29, 41, 9);
  // A BOS and 9 tokens that begin every 5: each token is scored in the first window that holds it.
  EvalOptions options = windows_of(10);
  options.overlap = 4;
  options.add_bos = true;
  options.bos = 7;
  double sum = 0;
  std::size_t end = 0;
  for (std::size_t begin = 0; end < 29; begin += 5) {
    const auto at = [&](std::size_t t) { return tokens.begin() + static_cast<std::ptrdiff_t>(t); };
    Tokens prefix{7};
    prefix.insert(prefix.end(), at(begin), at(std::max(begin, end)));
    const std::size_t fresh = std::max(begin, end);
    end = std::min<std::size_t>(begin + 9, 29);
    const std::vector<Tokens> continuation{Tokens(at(fresh), at(end))};
    const auto values = model.continuation_log_probabilities(prefix, continuation)[0];
    sum = std::accumulate(values.begin(), values.end(), sum);
  }
  const EvalResult result = evaluate(model, nullptr, tokens, options);
  CHECK(result.windows == 5);
  CHECK(result.scored_tokens == 29);
  CHECK(std::abs(result.negative_log_likelihood + sum / 29) <= 2 * 8 * 4e-5);
}

TEST_CASE("overlap and unscored tokens decide what is scored", "[scoring]") {
  const Model model{constant_source({0.5, 0.25, 0.125, 0.125})};
  const auto run = [&](std::size_t tokens, std::size_t overlap, std::size_t unscored, bool bos) {
    EvalOptions options = windows_of(6);
    options.overlap = overlap;
    options.unscored = unscored;
    options.add_bos = bos;
    options.bos = 0;
    const EvalResult result = evaluate(model, nullptr, Tokens(tokens, 1), options);
    CHECK(result.window == 6);
    return std::pair(result.windows, result.scored_tokens);
  };
  using Counts = std::pair<std::size_t, std::size_t>;
  CHECK(run(12, 0, 3, false) == Counts(2, 6));
  CHECK(run(14, 0, 3, false) == Counts(2, 6));   // the last window would hold two tokens
  CHECK(run(12, 1, 1, false) == Counts(3, 11));  // tokens 0-5, 5-10, 10-11
  CHECK(run(12, 5, 1, false) == Counts(7, 11));  // one new token in each
  CHECK(run(12, 2, 3, false) == Counts(3, 7));   // 0-5, 4-9, 8-11: the first three of each are not
  CHECK(run(12, 0, 1, true) == Counts(3, 12));
  CHECK(run(12, 2, 1, true) == Counts(4, 12));
  CHECK(run(6, 5, 1, false) == Counts(1, 5));  // nothing is left for a second window
}

TEST_CASE("a BOS is what the first token of a window is scored after", "[scoring]") {
  const Model model{MemorySource(tiny_config())};
  const Tokens tokens = random_tokens(3, 41, 5);
  EvalOptions options = windows_of(8);
  options.add_bos = true;
  options.bos = 7;
  const EvalResult result = evaluate(model, nullptr, tokens, options);
  const std::vector<Tokens> continuation{tokens};
  const auto expected = model.continuation_log_probabilities(Tokens{7}, continuation)[0];
  const double mean = (expected[0] + expected[1] + expected[2]) / 3;
  CHECK(std::abs(result.negative_log_likelihood + mean) <= 2 * 8 * 4e-5);
}

TEST_CASE("the same result at any number of threads", "[scoring]") {
  const Model model{MemorySource(tiny_config())};
  ModelConfig other = tiny_config();
  other.rope.theta = 500;
  const Model reference{MemorySource(other)};
  const Tokens tokens = random_tokens(700, 41, 6);
  const auto run = [&](int threads) {
    kernels::set_thread_count(threads);
    const EvalResult result = evaluate(model, &reference, tokens, windows_of(90));
    kernels::set_thread_count(0);
    return std::vector{result.perplexity, result.kl_divergence, result.top1_agreement,
                       result.reference_perplexity};
  };
  const std::vector<double> one = run(1);
  CHECK(run(2) == one);
  CHECK(run(5) == one);
}

TEST_CASE("progress counts tokens and can stop the evaluation", "[scoring]") {
  const Model model{MemorySource(tiny_config())};
  const Tokens tokens = random_tokens(5000, 41, 7);
  std::vector<double> done;
  const auto note = [&](const Progress& progress) {
    CHECK(progress.total == 5000);
    done.push_back(progress.done);
    return true;
  };
  evaluate(model, nullptr, tokens, windows_of(128), note);
  CHECK(done == std::vector<double>{2048, 4096, 5000});
  const auto stop = [](const Progress&) { return false; };
  CHECK_THROWS_AS(evaluate(model, nullptr, tokens, windows_of(128), stop), Interrupted);
}

TEST_CASE("evaluations that cannot be made are refused", "[scoring]") {
  const Model model{MemorySource(tiny_config())};
  const Tokens tokens = random_tokens(20, 41, 8);
  CHECK_THROWS_AS(evaluate(model, nullptr, {}, windows_of(8)), InvalidArgument);
  CHECK_THROWS_AS(evaluate(model, nullptr, Tokens{1}, windows_of(8)), InvalidArgument);
  CHECK_THROWS_AS(evaluate(model, nullptr, tokens, windows_of(1)), InvalidArgument);
  CHECK_THROWS_AS(evaluate(model, nullptr, Tokens{1, 41}, windows_of(8)), InvalidArgument);
  EvalOptions options = windows_of(8);
  options.add_bos = true;
  CHECK_THROWS_AS(evaluate(model, nullptr, tokens, options), InvalidArgument);
  options = windows_of(8);
  options.overlap = 8;
  CHECK_THROWS_AS(evaluate(model, nullptr, tokens, options), InvalidArgument);
  options = windows_of(8);
  for (const std::size_t unscored : {0, 8}) {
    options.unscored = unscored;
    CHECK_THROWS_AS(evaluate(model, nullptr, tokens, options), InvalidArgument);
  }
  options.unscored = 5;
  CHECK_THROWS_WITH(evaluate(model, nullptr, Tokens(4, 1), options),
                    libquant::testing::contains_text("none to score"));
  const Model other{constant_source({0.5, 0.5})};
  CHECK_THROWS_WITH(evaluate(model, &other, tokens, windows_of(8)),
                    libquant::testing::contains_text("vocabulary of 41"));
  MemorySource overflowing(tiny_config());
  for (float& weight : overflowing.tensors.at("lm_head.weight").row(0))
    weight = std::numeric_limits<float>::max();
  const Model broken(overflowing);
  CHECK_THROWS_WITH(evaluate(broken, nullptr, tokens, windows_of(8)),
                    libquant::testing::contains_text("not finite"));
}

}  // namespace
}  // namespace libquant
