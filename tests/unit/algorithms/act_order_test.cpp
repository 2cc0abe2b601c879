#include <algorithm>
#include <vector>

#include "libquant/algorithms/metric.h"
#include "libquant/core/error.h"
#include "libquant/core/rng.h"
#include "tests/support/catch.h"

using namespace libquant;
using Order = std::vector<std::uint32_t>;

TEST_CASE("visiting orders of a small diagonal", "[algorithms]") {
  const std::vector<double> diagonal{1, 5, 2, 2, 9, 0, 5, 3};
  CHECK(visiting_order(diagonal, ActOrder::none, 4) == Order{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(visiting_order(diagonal, ActOrder::static_all, 4) == Order{4, 1, 6, 7, 2, 3, 0, 5});
  CHECK(visiting_order(diagonal, ActOrder::group, 4) == Order{4, 6, 7, 5, 1, 2, 3, 0});
  CHECK(visiting_order(diagonal, ActOrder::group, 2) == Order{4, 5, 1, 0, 6, 7, 2, 3});
  CHECK(visiting_order(diagonal, ActOrder::group, 8) ==
        visiting_order(diagonal, ActOrder::static_all, 8));
  CHECK(visiting_order(std::vector<double>(8, 1.0), ActOrder::group, 4) ==
        Order{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("the group order keeps every group together and visits each column once",
          "[algorithms]") {
  Rng rng(3);
  std::vector<double> diagonal(256);
  for (double& value : diagonal) value = rng.uniform();
  const Order order = visiting_order(diagonal, ActOrder::group, 32);
  for (std::size_t i = 0; i < 256; ++i) {
    CHECK(order[i] / 32 == order[i / 32 * 32] / 32);
    if (i % 32 != 0) CHECK(diagonal[order[i]] <= diagonal[order[i - 1]]);
    if (i % 32 == 0 && i > 0) CHECK(diagonal[order[i]] <= diagonal[order[i - 32]]);
  }
  Order sorted = order;
  std::ranges::sort(sorted);
  for (std::uint32_t i = 0; i < 256; ++i) REQUIRE(sorted[i] == i);
}

TEST_CASE("names of act-orders read back, others are refused", "[algorithms]") {
  for (const ActOrder order : {ActOrder::none, ActOrder::group, ActOrder::static_all})
    CHECK(act_order_from(to_string(order)) == order);
  CHECK_THROWS_AS(act_order_from("dynamic"), InvalidArgument);
}
