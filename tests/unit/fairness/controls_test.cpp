#include "libquant/fairness/controls.h"

#include <fmt/format.h>

#include <set>

#include "libquant/core/error.h"
#include "tests/support/catch.h"
#include "tests/support/probe_fixtures.h"

namespace libquant {
namespace {

ProbeItem pair_item(int number) {
  ProbeItem item;
  item.id = fmt::format("pair/{}", number);
  item.template_id = item.id;
  item.form = ItemForm::sentences;
  item.options = {{fmt::format("a{}", number), OptionRole::stereotype},
                  {fmt::format("b{}", number), OptionRole::anti}};
  return item;
}

std::vector<ProbeItem> mixed(int count) {
  std::vector<ProbeItem> items;
  for (int i = 0; i < count; ++i) {
    items.push_back(test::ambiguous_item(i));
    for (auto& option : items.back().options) option.text += fmt::format(" {}", i);
    items.push_back(pair_item(i));
  }
  return items;
}

std::multiset<std::string> texts(const std::vector<ProbeItem>& items) {
  std::multiset<std::string> all;
  for (const auto& item : items)
    for (const auto& option : item.options) all.insert(option.text);
  return all;
}

TEST_CASE("shuffled options: every choice item gets another's, pairs and prompts stay",
          "[fairness]") {
  const auto items = mixed(20);
  const auto shuffled = controlled(items, ProbeControl::shuffle_options, 3);
  CHECK(texts(shuffled) == texts(items));
  for (std::size_t i = 0; i < items.size(); ++i) {
    CHECK(shuffled[i].id == items[i].id);
    CHECK(shuffled[i].question == items[i].question);
    const bool moved = shuffled[i].options[0].text != items[i].options[0].text;
    CHECK(moved == (items[i].form == ItemForm::choice));
  }
}

TEST_CASE("shuffled pairs: every sentence gets another's counterpart, choices stay", "[fairness]") {
  const auto items = mixed(20);
  const auto shuffled = controlled(items, ProbeControl::shuffle_pairs, 3);
  CHECK(texts(shuffled) == texts(items));
  for (std::size_t i = 0; i < items.size(); ++i) {
    CHECK(shuffled[i].options[0].text == items[i].options[0].text);
    const bool moved = shuffled[i].options[1].text != items[i].options[1].text;
    CHECK(moved == (items[i].form == ItemForm::sentences));
  }
}

TEST_CASE("controls repeat with their seed, and none changes nothing", "[fairness]") {
  const auto items = mixed(30);
  const auto first = [&](std::uint64_t seed) {
    return controlled(items, ProbeControl::shuffle_options, seed)[0].options[0].text;
  };
  CHECK(first(1) == first(1));
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 20; ++seed) seen.insert(first(seed));
  CHECK(seen.size() > 5);
  CHECK(controlled(items, ProbeControl::none, 1)[4].options[1].text == items[4].options[1].text);
}

TEST_CASE("a control without two items to trade is an error", "[fairness]") {
  CHECK_THROWS_AS(controlled(mixed(1), ProbeControl::shuffle_options, 1), InvalidArgument);
  CHECK_THROWS_AS(controlled({}, ProbeControl::shuffle_pairs, 1), InvalidArgument);
}

}  // namespace
}  // namespace libquant
