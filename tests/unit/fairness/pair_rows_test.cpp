#include "libquant/fairness/pair_rows.h"

#include "tests/support/catch.h"

namespace libquant {
namespace {

using Tokens = std::vector<std::int32_t>;
using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;

TEST_CASE("common tokens are a longest common subsequence", "[fairness]") {
  CHECK(common_tokens(Tokens{1, 2, 3}, Tokens{1, 2, 3}) == Pairs{{0, 0}, {1, 1}, {2, 2}});
  CHECK(common_tokens(Tokens{1, 2, 3}, Tokens{4, 5}).empty());
  CHECK(common_tokens(Tokens{}, Tokens{1}).empty());
  // An inserted token shifts the rest.
  CHECK(common_tokens(Tokens{1, 9, 3, 4}, Tokens{1, 7, 8, 3, 4}) == Pairs{{0, 0}, {2, 3}, {3, 4}});
  CHECK(common_tokens(Tokens{1, 2, 1, 3}, Tokens{2, 1, 1, 3}).size() == 3);
}

ProbeTrees two_pairs() {
  ProbeTrees probes;
  TokenTree first;
  first.trunk = {0};
  first.branches.push_back({1, 9, 3, 4});
  first.branches.push_back({1, 7, 8, 3, 4});
  TokenTree alone;
  alone.trunk = {0, 5};
  TokenTree second;
  second.trunk = {0};
  second.branches.push_back({6, 2});
  second.branches.push_back({5, 2});
  probes.trees = {first, alone, second};
  return probes;
}

TEST_CASE("aligned rows are the shared tokens behind the first difference", "[fairness]") {
  // Rows: trunk 0; 1-4; 5-9; two of the tree without branches; trunk 12; 13-14; 15-16.
  CHECK(aligned_rows(two_pairs()) == std::vector<RowPair>{{3, 8}, {4, 9}, {14, 16}});
}

TEST_CASE("positional rows pair equal positions from the first token on", "[fairness]") {
  CHECK(positional_rows(two_pairs()) ==
        std::vector<RowPair>{{1, 5}, {2, 6}, {3, 7}, {4, 8}, {13, 15}, {14, 16}});
}

}  // namespace
}  // namespace libquant
