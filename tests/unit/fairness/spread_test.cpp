#include "libquant/fairness/spread.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "tests/support/catch.h"
#include "tests/support/probe_fixtures.h"

namespace libquant {
namespace {

/// One set of 3 templates with 40 items each, one of 50 templates with 2 each.
std::vector<ProbeItem> two_sets() {
  std::vector<ProbeItem> made;
  for (int i = 0; i < 60; ++i) {
    made.push_back(test::ambiguous_item(i, 20));
    made.push_back(test::disambiguated_item(i, 20));
  }
  for (int i = 0; i < 100; ++i) {
    made.push_back(test::ambiguous_item(i, 2));
    made.back().id = "many/" + made.back().id;
    made.back().set = "many";
    made.back().template_id = "many/" + made.back().template_id;
  }
  return made;
}

std::vector<std::string> ids(const std::vector<ProbeItem>& items) {
  std::vector<std::string> found;
  for (const ProbeItem& item : items) found.push_back(item.id);
  return found;
}

TEST_CASE("a spread sample has equally many items of sets, templates and conditions",
          "[fairness]") {
  const auto sample = spread_items(two_sets(), 48, 3);
  std::map<std::string, int> sets, templates;
  std::map<std::tuple<std::string, Condition, std::string>, int> cells;
  for (const ProbeItem& item : sample) {
    ++sets[item.set];
    ++templates[item.template_id];
    ++cells[{item.template_id, item.condition, item.polarity}];
  }
  CHECK(sample.size() == 48);
  CHECK(sets["bbq"] == 24);
  CHECK(sets["many"] == 24);
  CHECK(templates.size() == 3 + 24);  // 8 of each large template, one of 24 small ones
  for (const auto& [name, count] : templates) CHECK(count == (name.starts_with("many") ? 1 : 8));
  for (const auto& [cell, count] : cells)
    if (!std::get<0>(cell).starts_with("many")) CHECK(count == 2);  // two conditions x polarities
}

TEST_CASE("a set that is used up leaves its share to the others", "[fairness]") {
  auto items = two_sets();
  std::erase_if(items, [](const ProbeItem& item) {
    return item.set == "many" && item.template_id > "many/Test/1";
  });
  const auto few = static_cast<std::size_t>(
      std::ranges::count_if(items, [](const auto& item) { return item.set == "many"; }));
  const auto sample = spread_items(items, 100, 3);
  REQUIRE(few < 50);
  CHECK(sample.size() == 100);
  CHECK(static_cast<std::size_t>(std::ranges::count_if(
            sample, [](const auto& item) { return item.set == "many"; })) == few);
}

TEST_CASE("a spread sample is drawn with its seed, without repetition, in the original order",
          "[fairness]") {
  const auto items = two_sets();
  const auto all = ids(items);
  const auto sample = ids(spread_items(items, 90, 3));
  CHECK(sample == ids(spread_items(items, 90, 3)));
  CHECK(sample != ids(spread_items(items, 90, 4)));
  CHECK(std::set<std::string>(sample.begin(), sample.end()).size() == 90);
  auto place = all.begin();
  for (const std::string& id : sample) {
    place = std::find(place, all.end(), id);
    REQUIRE(place != all.end());
  }
  CHECK(ids(spread_items(items, 0, 3)) == all);
  CHECK(ids(spread_items(items, items.size(), 3)) == all);
}

}  // namespace
}  // namespace libquant
