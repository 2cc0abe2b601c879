#include "libquant/model/model.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/threads.h"
#include "libquant/core/error.h"
#include "tests/support/catch.h"
#include "tests/support/logits_distance.h"
#include "tests/support/memory_source.h"

namespace libquant {
namespace {

using testing::MemorySource;
using testing::random_tokens;
using testing::tiny_config;

ModelConfig windowed_config() {
  ModelConfig config = tiny_config();
  config.family = "qwen3";
  config.qk_norm = true;
  config.sliding_window = 6;
  config.first_sliding_layer = 1;
  return config;
}

Matrix logits_of(const Model& model, const TokenBatch& batch) {
  return model.logits(model.hidden_states(batch));
}

TEST_CASE("decoding token by token from a cache equals one forward pass", "[model]") {
  for (const ModelConfig& config : {tiny_config(), windowed_config()}) {
    const Model model{MemorySource(config)};
    const std::vector<std::int32_t> tokens = random_tokens(40, config.vocabulary_size, 2);
    const Matrix whole = logits_of(model, {tokens, {40}});
    KvCache cache(config, 40);
    KvCache* const caches[] = {&cache};
    Matrix pieces(40, config.vocabulary_size);
    for (std::size_t begin = 0; begin < 40;) {
      const std::size_t count = begin == 0 ? 13 : begin == 13 ? 7 : 1;
      const auto first = tokens.begin() + static_cast<std::ptrdiff_t>(begin);
      const TokenBatch batch{{first, first + static_cast<std::ptrdiff_t>(count)}, {count}};
      const Matrix part = model.logits(model.hidden_states(batch, caches));
      std::memcpy(pieces.row(begin).data(), part.data(), part.size() * sizeof(float));
      begin += count;
      CHECK(cache.length() == begin);
    }
    CHECK(testing::distance(pieces, whole) <= testing::kReorderedSums);
  }
}

TEST_CASE("several sequences in one pass equal each alone, with and without caches", "[model]") {
  const ModelConfig config = windowed_config();
  const Model model{MemorySource(config)};
  const std::vector<std::size_t> lengths{17, 1, 30, 5};
  const std::vector<std::int32_t> tokens = random_tokens(53, config.vocabulary_size, 3);
  const Matrix together = logits_of(model, {tokens, lengths});
  std::vector<KvCache> stores;
  for (const std::size_t length : lengths) stores.emplace_back(config, length + 3);
  std::vector<KvCache*> caches;
  for (KvCache& store : stores) caches.push_back(&store);
  const Matrix cached = model.logits(model.hidden_states({tokens, lengths}, caches));
  CHECK(std::memcmp(together.data(), cached.data(), cached.size() * sizeof(float)) == 0);
  std::size_t begin = 0;
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    const auto first = tokens.begin() + static_cast<std::ptrdiff_t>(begin);
    const Matrix alone =
        logits_of(model, {{first, first + static_cast<std::ptrdiff_t>(lengths[s])}, {lengths[s]}});
    CHECK(testing::distance(alone, together.view().row_range(begin, lengths[s])) <=
          testing::kReorderedSums);
    CHECK(stores[s].length() == lengths[s]);
    begin += lengths[s];
  }
}

TEST_CASE("several cached sequences decode in one pass", "[model]") {
  const ModelConfig config = tiny_config();
  const Model model{MemorySource(config)};
  const std::vector<std::int32_t> a = random_tokens(9, config.vocabulary_size, 4),
                                  b = random_tokens(4, config.vocabulary_size, 5);
  KvCache first(config, 9), second(config, 4);
  KvCache* const caches[] = {&first, &second};
  TokenBatch prompts{{a.begin(), a.end() - 1}, {8, 3}};
  prompts.tokens.insert(prompts.tokens.end(), b.begin(), b.end() - 1);
  model.hidden_states(prompts, caches);
  const Matrix last = model.logits(model.hidden_states({{a.back(), b.back()}, {1, 1}}, caches));
  CHECK(testing::distance(last.view().row_range(0, 1),
                          logits_of(model, {a, {9}}).view().row_range(8, 1)) <=
        testing::kReorderedSums);
  CHECK(testing::distance(last.view().row_range(1, 1),
                          logits_of(model, {b, {4}}).view().row_range(3, 1)) <=
        testing::kReorderedSums);
}

TEST_CASE("a truncated cache continues as if the rest had never been", "[model]") {
  const ModelConfig config = tiny_config();
  const Model model{MemorySource(config)};
  const std::vector<std::int32_t> tokens = random_tokens(20, config.vocabulary_size, 6);
  KvCache cache(config, 20);
  KvCache* const caches[] = {&cache};
  model.hidden_states({tokens, {20}}, caches);
  cache.truncate(12);
  const Matrix again =
      model.logits(model.hidden_states({{tokens.begin() + 12, tokens.end()}, {8}}, caches));
  const Matrix whole = logits_of(model, {tokens, {20}});
  CHECK(testing::distance(again, whole.view().row_range(12, 8)) <= testing::kReorderedSums);
  CHECK_THROWS_AS(cache.truncate(21), InvalidArgument);
  CHECK_THROWS_AS(cache.advance(1), InvalidArgument);
}

TEST_CASE("a token sees nothing that comes after it", "[model]") {
  const ModelConfig config = tiny_config();
  const Model model{MemorySource(config)};
  std::vector<std::int32_t> tokens = random_tokens(24, config.vocabulary_size, 7);
  const Matrix before = logits_of(model, {tokens, {24}});
  tokens[10] = (tokens[10] + 1) % 41;
  const Matrix after = logits_of(model, {tokens, {24}});
  CHECK(std::memcmp(before.data(), after.data(), 10 * config.vocabulary_size * sizeof(float)) == 0);
  for (std::size_t t = 10; t < 24; ++t)
    CHECK(testing::distance(before.view().row_range(t, 1), after.view().row_range(t, 1)) > 1e-3);
}

TEST_CASE("the same bytes come out at any number of threads", "[model]") {
  const ModelConfig config = windowed_config();
  const Model model{MemorySource(config)};
  const TokenBatch batch{random_tokens(90, config.vocabulary_size, 8), {33, 57}};
  kernels::set_thread_count(1);
  const Matrix one = logits_of(model, batch);
  for (const int threads : {2, 3, 7}) {
    kernels::set_thread_count(threads);
    const Matrix many = logits_of(model, batch);
    CHECK(std::memcmp(one.data(), many.data(), one.size() * sizeof(float)) == 0);
  }
  kernels::set_thread_count(0);
}

TEST_CASE("tied embeddings serve as the output matrix", "[model]") {
  ModelConfig config = tiny_config();
  MemorySource untied(config);
  untied.tensors.at("lm_head.weight") = untied.tensors.at("model.embed_tokens.weight").clone();
  config.tied_embeddings = true;
  const MemorySource tied(config);
  CHECK_FALSE(tied.has("lm_head.weight"));
  const TokenBatch batch{random_tokens(11, config.vocabulary_size, 9), {11}};
  const Matrix a = logits_of(Model(untied), batch), b = logits_of(Model(tied), batch);
  CHECK(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

TEST_CASE("log-probabilities are the log-softmax of the logits", "[model]") {
  const ModelConfig config = tiny_config();
  const Model model{MemorySource(config)};
  const std::vector<std::int32_t> tokens = random_tokens(30, config.vocabulary_size, 10);
  const Matrix hidden = model.hidden_states({tokens, {30}});
  const Matrix logits = model.logits(hidden);
  const std::vector<std::int32_t> targets = random_tokens(30, config.vocabulary_size, 11);
  const std::vector<double> values = model.log_probabilities(hidden, targets);
  for (std::size_t r = 0; r < 30; ++r) {
    double sum = 0;
    for (const float logit : logits.row(r)) sum += std::exp(double{logit});
    const double expected = double{logits(r, static_cast<std::size_t>(targets[r]))} - std::log(sum);
    // Exponentials may be rounded to fp32: relative 2^-24 each, so as much in the logarithm.
    CHECK(std::abs(values[r] - expected) <= 4 * 0x1p-24);
  }
  CHECK_THROWS_AS(model.log_probabilities(hidden, std::vector<std::int32_t>(29)), InvalidArgument);
  CHECK_THROWS_AS(model.log_probabilities(hidden, std::vector<std::int32_t>(30, 41)),
                  InvalidArgument);
}

TEST_CASE("bad batches are refused before anything is computed", "[model]") {
  const ModelConfig config = tiny_config();
  const Model model{MemorySource(config)};
  KvCache cache(config, 10);
  KvCache* const one[] = {&cache};
  KvCache* const twice[] = {&cache, &cache};
  KvCache* const none[] = {nullptr};
  ModelConfig shallow = config;
  shallow.layers = 1;
  KvCache other(shallow, 10);
  KvCache* const foreign[] = {&other};
  const auto tokens = [](std::size_t count) { return std::vector<std::int32_t>(count, 3); };
  CHECK_THROWS_WITH(model.hidden_states({{1, 41}, {2}}),
                    "token 41 is outside the vocabulary of 41");
  CHECK_THROWS_AS(model.hidden_states({{-1}, {1}}), InvalidArgument);
  CHECK_THROWS_AS(model.hidden_states({tokens(3), {2}}), InvalidArgument);
  CHECK_THROWS_AS(model.hidden_states({tokens(3), {2, 2}}), InvalidArgument);
  CHECK_THROWS_AS(model.hidden_states({tokens(3), {3, 0}}), InvalidArgument);
  CHECK_THROWS_AS(model.hidden_states({tokens(129), {129}}), InvalidArgument);
  CHECK_THROWS_AS(model.hidden_states({tokens(11), {11}}, one), InvalidArgument);
  CHECK_THROWS_AS(model.hidden_states({tokens(4), {2, 2}}, one), InvalidArgument);
  CHECK_THROWS_AS(model.hidden_states({tokens(4), {2, 2}}, twice), InvalidArgument);
  CHECK_THROWS_AS(model.hidden_states({tokens(1), {1}}, none), InvalidArgument);
  CHECK_THROWS_AS(model.hidden_states({tokens(1), {1}}, foreign), InvalidArgument);
  CHECK_THROWS_AS(model.logits(Matrix(1, 31)), InvalidArgument);
  CHECK(cache.length() == 0);
  CHECK_NOTHROW(model.hidden_states({tokens(128), {128}}));
}

}  // namespace
}  // namespace libquant
