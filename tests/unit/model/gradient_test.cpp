#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/model/gradient_pass.h"
#include "libquant/model/model.h"
#include "tests/reference/decoder.h"
#include "tests/support/catch.h"
#include "tests/support/family_case.h"
#include "tests/support/memory_source.h"
#include "tests/support/thread_count.h"

namespace libquant {
namespace {

using testing::MemorySource;

/// Two trees: one with three branches (one of them empty), one plain sequence.
struct TreeCase {
  std::vector<TokenTree> trees;
  std::vector<ScoredToken> scored;
  std::vector<double> coefficients;

  explicit TreeCase(std::size_t vocabulary, std::size_t trunk = 9) {
    const auto tokens = testing::random_tokens(3 * trunk, vocabulary, 11);
    const auto part = [&](std::size_t begin, std::size_t count) {
      const auto at = tokens.begin() + static_cast<std::ptrdiff_t>(begin);
      return std::vector<std::int32_t>(at, at + static_cast<std::ptrdiff_t>(count));
    };
    trees.resize(2);
    trees[0].trunk = part(0, trunk);
    for (const std::size_t length : {3, 0, 4})
      trees[0].branches.push_back(part(trunk + length, length));
    trees[1].trunk = part(2 * trunk, 7);
    // The trunk's last row predicts the first token of all three branches.
    const std::size_t last = trunk - 1;
    scored = {{last, 3},      {last, 5},     {last, 7},      {last + 1, 2}, {last + 3, 9},
              {last + 6, 12}, {last + 7, 1}, {last + 10, 4}, {last + 14, 0}};
    Rng rng(5);
    for (std::size_t i = 0; i < scored.size(); ++i) coefficients.push_back(rng.normal());
  }
  double loss(const std::vector<double>& logs) const {
    double sum = 0;
    for (std::size_t i = 0; i < logs.size(); ++i) sum += coefficients[i] * logs[i];
    return sum;
  }
};

using Key = std::pair<std::size_t, LinearRole>;
struct Gradients {
  std::vector<double> logs;
  std::map<Key, Matrix> of;  ///< dL/dy
};

Gradients gradients_of(const WeightSource& source, const TreeCase& c) {
  const std::size_t rows = GradientPass::count_rows(c.trees);
  Matrix room((source.config().layers + 1) * rows, source.config().hidden_size);
  GradientPass pass(source, c.trees, c.scored, room);
  Gradients result;
  result.logs = pass.forward();
  std::size_t expected = source.config().layers;
  pass.backward(
      c.coefficients,
      [&](const PassRows& r) {
        Matrix& kept = result.of[{r.layer, r.linear.role}];
        if (kept.empty()) kept = Matrix(rows, r.linear.gradient.cols);
        for (std::size_t t = 0; t < r.linear.gradient.rows; ++t)
          std::ranges::copy(r.linear.gradient.row(t), kept.row(r.first_row + t).begin());
      },
      [&](std::size_t layer) { CHECK(layer == --expected); });
  CHECK(expected == 0);
  return result;
}

/// Central differences of the double decoder in random directions. Their own error is of order h^2
/// = 1e-10 relative, so what is left is the fp32 passes' rounding: a few hundred roundings of 6e-8
/// in activations of order one, measured on the length of the gradient.
void check_gradients(const WeightSource& source, const TreeCase& c) {
  const reference::Decoder decoder(source);
  const Gradients found = gradients_of(source, c);
  const auto expected_logs = decoder.log_probabilities(c.trees, c.scored);
  for (std::size_t i = 0; i < expected_logs.size(); ++i)
    CHECK(std::fabs(found.logs[i] - expected_logs[i]) <= 2e-4);
  constexpr double kStep = 1e-5, kTolerance = 5e-4;
  Rng rng(3);
  for (std::size_t layer = 0; layer < source.config().layers; ++layer) {
    for (const LinearRole role : kLinearRoles) {
      const Matrix& g = found.of.at({layer, role});
      reference::Shift shift{layer, role, {}};
      double projected = 0, length = 0;
      for (std::size_t t = 0; t < g.rows(); ++t) {
        shift.values.emplace_back();
        for (std::size_t o = 0; o < g.cols(); ++o) {
          const double direction = rng.normal();
          shift.values.back().push_back(kStep * direction);
          projected += direction * double{g(t, o)};
          length += double{g(t, o)} * double{g(t, o)};
        }
      }
      const double above = c.loss(decoder.log_probabilities(c.trees, c.scored, &shift));
      for (auto& row : shift.values)
        for (double& value : row) value = -value;
      const double below = c.loss(decoder.log_probabilities(c.trees, c.scored, &shift));
      INFO("layer " << layer << " " << to_string(role));
      CHECK(length > 0);
      CHECK(std::fabs((above - below) / (2 * kStep) - projected) <= kTolerance * std::sqrt(length));
    }
  }
}

TEST_CASE("gradients of every family are the derivatives of a decoder in double", "[model]") {
  for (const std::string& name : testing::family_case_names()) {
    INFO(name);
    const ModelConfig config = testing::read_family_case(name).config;
    check_gradients(MemorySource(config), TreeCase(config.vocabulary_size));
  }
}

TEST_CASE("gradients with every bias, head norms and a sliding window that cuts", "[model]") {
  ModelConfig config = testing::tiny_config();
  config.family = "qwen3";
  config.attention_bias = config.output_bias = config.mlp_bias = config.qk_norm = true;
  config.tied_embeddings = true;
  config.sliding_window = 5;
  config.first_sliding_layer = 1;
  check_gradients(MemorySource(config), TreeCase(config.vocabulary_size));
}

TEST_CASE("gradients of sequences longer than one block of queries", "[model]") {
  ModelConfig config = testing::tiny_config();
  config.layers = 1;
  config.heads = config.kv_heads = 1;
  check_gradients(MemorySource(config), TreeCase(config.vocabulary_size, 100));
}

TEST_CASE("the passes score what the model scores", "[model]") {
  const MemorySource source(testing::tiny_config());
  const TreeCase c(41);
  const Gradients found = gradients_of(source, c);
  const Model model(source);
  const auto& tree = c.trees[0];
  std::vector<std::vector<std::int32_t>> next;
  for (std::size_t i = 0; i < 3; ++i) next.emplace_back(1, c.scored[i].token);
  const auto first = model.continuation_log_probabilities(tree.trunk, next);
  for (std::size_t i = 0; i < 3; ++i) CHECK(std::fabs(found.logs[i] - first[i][0]) < 1e-5);
}

TEST_CASE("the same gradients at any number of threads", "[model]") {
  const MemorySource source(testing::tiny_config());
  const TreeCase c(41);
  const Gradients first = gradients_of(source, c);
  for (const int threads : {1, 3}) {
    const test_support::ThreadCount guard(threads);
    const Gradients again = gradients_of(source, c);
    for (const auto& [key, g] : first.of)
      CHECK(std::memcmp(g.data(), again.of.at(key).data(), g.size() * sizeof(float)) == 0);
  }
}

TEST_CASE("a gradient pass refuses what it cannot compute", "[model]") {
  const MemorySource source(testing::tiny_config());
  const TreeCase good(41);
  const std::size_t rows = GradientPass::count_rows(good.trees);
  Matrix room(3 * rows, 32);
  const auto refused = [&](auto change) {
    TreeCase c(41);
    change(c);
    CHECK_THROWS_AS(GradientPass(source, c.trees, c.scored, room), InvalidArgument);
  };
  REQUIRE_NOTHROW(GradientPass(source, good.trees, good.scored, room));
  refused([](TreeCase& c) { c.trees.clear(); });
  refused([](TreeCase& c) { c.trees[1].trunk.clear(); });
  refused([](TreeCase& c) { c.trees[1].trunk.push_back(1); });  // the room is too small
  refused([](TreeCase& c) { c.scored[0].row = 1000; });
  refused([](TreeCase& c) { c.scored[0].token = 41; });
  refused([](TreeCase& c) { c.scored[0].token = -1; });
  GradientPass pass(source, good.trees, good.scored, room);
  CHECK_THROWS_AS(pass.backward(good.coefficients, {}, {}), InvalidArgument);  // before forward
  const auto never = [](const Progress&) { return false; };
  CHECK_THROWS_AS(pass.forward(never), Interrupted);
}

}  // namespace
}  // namespace libquant
