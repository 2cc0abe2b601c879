// The probe set that ships with the project, as its users load it.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>

#include "libquant/scoring/load_probes.h"
#include "tests/support/catch.h"
#include "tests/support/paths.h"

namespace {

using namespace libquant;

ProbeSet own_set(std::string_view name) {
  return load_probes(fmt::format("{}/../examples/probes/{}.jsonl", testing::test_folder(), name));
}

std::size_t position(const ProbeItem& item, OptionRole role) {
  const auto is = [role](const ProbeOption& option) { return option.role == role; };
  return static_cast<std::size_t>(std::find_if(item.options.begin(), item.options.end(), is) -
                                  item.options.begin());
}

// The person that "The old man forgot the keys" names after "Who forgot the keys?": " old man".
std::string person(const ProbeItem& item, OptionRole role) {
  const std::string& answer = item.options.at(position(item, role)).text;
  const std::size_t did = item.question.size() - std::string_view("Who?").size();
  REQUIRE(answer.size() > 3 + did);
  CHECK(answer.substr(answer.size() - did) == item.question.substr(3, did));
  return answer.substr(3, answer.size() - 3 - did);
}

// The four wordings of "unknown" before what is asked.
std::string wording(const ProbeItem& item) {
  const std::string& answer = item.options.at(position(item, OptionRole::unknown)).text;
  return answer.substr(0, answer.find(" who "));
}

bool named_last(const ProbeItem& item, OptionRole role, OptionRole than) {
  const auto at = [&](OptionRole of) { return item.context.rfind(person(item, of)); };
  return at(role) > at(than);
}

template <class Counts>
void check_even(const Counts& counts, std::size_t kinds) {
  CHECK(counts.size() == kinds);
  for (const auto& [kind, count] : counts) CHECK(count == counts.begin()->second);
}

}  // namespace

TEST_CASE("the project's questions have the promised size, groups and licence", "[scoring]") {
  const ProbeSet set = own_set("libquant_questions");
  CHECK(set.licence == "CC-BY-4.0");
  CHECK(set.skipped == 0);
  std::set<std::string> templates, groups;
  std::map<std::string, std::size_t> categories, polarities, conditions;
  for (const ProbeItem& item : set.items) {
    templates.insert(item.template_id);
    groups.insert(item.group);
    ++categories[item.category];
    ++polarities[item.polarity];
    ++conditions[std::string(to_string(item.condition))];
  }
  CHECK(templates.size() >= 60);
  CHECK(groups.size() >= 8);
  check_even(categories, 9);
  check_even(polarities, 2);
  check_even(conditions, 2);
}

TEST_CASE("no position, wording or order tells the answer of the project's questions",
          "[scoring]") {
  const ProbeSet set = own_set("libquant_questions");
  std::map<std::pair<Condition, std::size_t>, std::size_t> correct_at, stereotype_at;
  std::map<std::pair<Condition, std::string>, std::size_t> wordings;
  std::map<OptionRole, std::size_t> correct_role;
  std::map<std::pair<Condition, bool>, std::size_t> stereotype_last;
  std::map<bool, std::size_t> correct_last;
  for (const ProbeItem& item : set.items) {
    const auto correct = static_cast<std::size_t>(item.correct);
    const OptionRole role = item.options.at(correct).role;
    ++correct_at[{item.condition, correct}];
    ++stereotype_at[{item.condition, position(item, OptionRole::stereotype)}];
    ++wordings[{item.condition, wording(item)}];
    ++stereotype_last[{item.condition, named_last(item, OptionRole::stereotype, OptionRole::anti)}];
    if (item.condition == Condition::ambiguous) {
      CHECK(role == OptionRole::unknown);
    } else {
      ++correct_role[role];
      const bool pro = role == OptionRole::stereotype;
      ++correct_last[named_last(item, role, pro ? OptionRole::anti : OptionRole::stereotype)];
    }
  }
  check_even(correct_at, 6);
  check_even(stereotype_at, 6);
  check_even(wordings, 8);
  check_even(stereotype_last, 4);
  check_even(correct_role, 2);
  check_even(correct_last, 2);
}

TEST_CASE("every context of the project's questions is asked both ways", "[scoring]") {
  std::map<std::pair<std::string, std::string>, std::set<std::string>> polarities;
  for (const ProbeItem& item : own_set("libquant_questions").items) {
    polarities[{item.template_id, item.context}].insert(item.polarity);
    CHECK(item.context.find(person(item, OptionRole::stereotype)) != std::string::npos);
    CHECK(item.context.find(person(item, OptionRole::anti)) != std::string::npos);
  }
  for (const auto& [context, both] : polarities) CHECK(both.size() == 2);
}

TEST_CASE("the project's pairs differ in the person alone and cover both polarities", "[scoring]") {
  const ProbeSet set = own_set("libquant_pairs");
  CHECK(set.licence == "CC-BY-4.0");
  std::map<std::string, std::size_t> polarities;
  for (const ProbeItem& item : set.items) {
    ++polarities[item.polarity];
    const std::string &a = item.options.at(0).text, &b = item.options.at(1).text;
    CHECK(a != b);
    const auto tail = std::mismatch(a.rbegin(), a.rend(), b.rbegin(), b.rend()).first;
    CHECK(std::count(a.rbegin(), tail, ' ') >= 2);  // what is said of them is the same
  }
  check_even(polarities, 2);
}
