#include "libquant/model/generate.h"

#include <vector>

#include "libquant/core/error.h"
#include "tests/support/catch.h"
#include "tests/support/memory_source.h"

namespace libquant {
namespace {

using testing::MemorySource;
using Tokens = std::vector<std::int32_t>;

const Model& tiny_model() {
  static const Model model{MemorySource(testing::tiny_config())};
  return model;
}

Generation run(const Tokens& prompt, const SamplingOptions& options, std::size_t capacity = 128) {
  KvCache cache(tiny_model().config(), capacity);
  return generate(tiny_model(), cache, prompt, options);
}

Tokens greedy_without_cache(Tokens tokens, std::size_t count) {
  Tokens result;
  for (std::size_t i = 0; i < count; ++i) {
    const Matrix hidden = tiny_model().hidden_states({tokens, {tokens.size()}});
    const Matrix logits = tiny_model().logits(hidden.view().row_range(tokens.size() - 1, 1));
    tokens.push_back(argmax(logits.row(0)));
    result.push_back(tokens.back());
  }
  return result;
}

SamplingOptions length(std::size_t max_tokens) {
  SamplingOptions options;
  options.max_tokens = max_tokens;
  return options;
}

TEST_CASE("greedy generation takes the argmax of a full pass every time", "[model]") {
  const Tokens prompt{5, 9, 30, 2};
  const Generation generation = run(prompt, length(25));
  CHECK(generation.tokens == greedy_without_cache(prompt, 25));
  CHECK(generation.prompt_tokens == 4);
  CHECK_FALSE(generation.stopped);
}

TEST_CASE("a stop token ends generation and is not returned", "[model]") {
  const Tokens prompt{5, 9, 30, 2};
  const Tokens free = run(prompt, length(25)).tokens;
  SamplingOptions options = length(25);
  options.stop = {1000, free[7]};
  const auto first = std::find(free.begin(), free.end(), free[7]);
  const Generation stopped = run(prompt, options);
  CHECK(stopped.stopped);
  CHECK(stopped.tokens == Tokens(free.begin(), first));
}

TEST_CASE("generation ends at the token limit, where asked to and where the cache is full",
          "[model]") {
  const Tokens prompt{5, 9, 30, 2};
  CHECK(run(prompt, length(0)).tokens.empty());
  CHECK(run(prompt, length(1)).tokens.size() == 1);
  // Four prompt tokens and five more are fed; the sixth needs no room.
  CHECK(run(prompt, length(100), 9).tokens.size() == 6);
  CHECK(run(prompt, length(1000), 1000).tokens.size() == 128 - 4 + 1);
  KvCache cache(tiny_model().config(), 64);
  Tokens seen;
  const Generation ended = generate(tiny_model(), cache, prompt, length(50), [&](std::int32_t t) {
    seen.push_back(t);
    return seen.size() < 3;
  });
  CHECK(ended.tokens == seen);
  CHECK(seen.size() == 3);
  CHECK_FALSE(ended.stopped);
}

TEST_CASE("a second turn continues from the cache", "[model]") {
  const Tokens first{5, 9, 30}, second{7, 8};
  KvCache cache(tiny_model().config(), 64);
  const Generation answer = generate(tiny_model(), cache, first, length(4));
  CHECK(cache.length() == 3 + 4 - 1);
  Tokens next{answer.tokens.back()};
  next.insert(next.end(), second.begin(), second.end());
  const Generation reply = generate(tiny_model(), cache, next, length(6));
  Tokens all = first;
  all.insert(all.end(), answer.tokens.begin(), answer.tokens.end());
  all.insert(all.end(), second.begin(), second.end());
  CHECK(reply.tokens == greedy_without_cache(all, 6));
  CHECK(reply.prompt_tokens == 3);
}

TEST_CASE("the same seed generates the same text, another seed another", "[model]") {
  SamplingOptions options = length(30);
  options.temperature = 1;
  options.top_k = 20;
  options.seed = 4;
  const Tokens prompt{1, 2};
  const Tokens a = run(prompt, options).tokens;
  CHECK(a == run(prompt, options).tokens);
  options.seed = 5;
  CHECK(a != run(prompt, options).tokens);
}

TEST_CASE("prompts that are empty or do not fit are refused", "[model]") {
  CHECK_THROWS_AS(run({}, length(1)), InvalidArgument);
  CHECK_THROWS_AS(run({1, 2, 3}, length(1), 2), InvalidArgument);
  CHECK_THROWS_AS(run({1, 41}, length(1)), InvalidArgument);
  SamplingOptions bad = length(1);
  bad.top_p = 2;
  CHECK_THROWS_AS(run({1}, bad), InvalidArgument);
}

}  // namespace
}  // namespace libquant
