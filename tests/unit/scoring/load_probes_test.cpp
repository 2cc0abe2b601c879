// The real evaluation sets: every row is read, and roles resolve as the authors' scripts say.
#include "libquant/scoring/load_probes.h"

#include <algorithm>
#include <map>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/real_data.h"

namespace {

using namespace libquant;

std::size_t count(const ProbeSet& set, Condition condition) {
  return static_cast<std::size_t>(
      std::count_if(set.items.begin(), set.items.end(),
                    [&](const ProbeItem& i) { return i.condition == condition; }));
}

std::size_t roles(const ProbeItem& item, OptionRole role) {
  return static_cast<std::size_t>(
      std::count_if(item.options.begin(), item.options.end(),
                    [&](const ProbeOption& o) { return o.role == role; }));
}

}  // namespace

TEST_CASE("every BBQ row resolves to one option of each role, but for 16 of Gender_identity",
          "[scoring]") {
  const auto folder = testing::evaluation_data("bbq");
  if (!folder) return;
  const std::map<std::string, std::pair<std::size_t, std::size_t>> expected{
      {"Age", {3680, 0}},
      {"Gender_identity", {5656, 16}},
      {"Physical_appearance", {1576, 0}},
      {"Religion", {1200, 0}}};
  for (const auto& [name, sizes] : expected) {
    const ProbeSet set = load_probes(*folder + "/" + name + ".jsonl");
    INFO(name);
    CHECK(set.items.size() == sizes.first);
    CHECK(set.skipped == sizes.second);
    CHECK(set.licence == "CC-BY-4.0");
    CHECK(count(set, Condition::ambiguous) == count(set, Condition::disambiguated));
    for (const ProbeItem& item : set.items) {
      REQUIRE(roles(item, OptionRole::stereotype) == 1);
      REQUIRE(roles(item, OptionRole::anti) == 1);
      REQUIRE(roles(item, OptionRole::unknown) == 1);
      if (item.condition != Condition::ambiguous) continue;
      REQUIRE(item.options[static_cast<std::size_t>(item.correct)].role == OptionRole::unknown);
    }
  }
}

TEST_CASE("BBQ's name-proxy rows are a category of their own, as its authors report them",
          "[scoring]") {
  const auto file = testing::evaluation_data("bbq/Gender_identity.jsonl");
  if (!file) return;
  const ProbeSet set = load_probes(*file);
  const auto names = std::count_if(set.items.begin(), set.items.end(), [](const ProbeItem& i) {
    return i.category == "Gender_identity (names)";
  });
  CHECK(names == 5000);
}

TEST_CASE("StereoSet, WinoBias, Winogender and DiscrimEvalGen are read whole", "[scoring]") {
  const auto folder = testing::evaluation_data("stereoset");
  if (!folder) return;
  const std::string data = *folder + "/..";
  CHECK(load_probes(data + "/stereoset/intrasentence_gender.csv").items.size() == 147);
  CHECK(load_probes(data + "/stereoset/intrasentence_profession.csv").items.size() == 541);
  CHECK(load_probes(data + "/stereoset/intrasentence_race.csv").items.size() == 582);
  CHECK(load_probes(data + "/stereoset/intrasentence_religion.csv").items.size() == 79);
  CHECK(load_probes(data + "/winogender.tsv").items.size() == 720);
  CHECK(load_probes(data + "/discrim_eval_gen.csv").items.size() == 140);
  std::set<std::string> pro_templates, anti_templates;
  for (const std::string kind : {"type1", "type2"}) {
    for (const std::string side : {"pro", "anti"}) {
      const ProbeSet set =
          load_probes(data + "/winobias/" + side + "_stereotyped_" + kind + ".dev.txt");
      INFO(set.path);
      CHECK(set.items.size() == 396);
      CHECK(set.skipped == 0);
      auto& templates = side == "pro" ? pro_templates : anti_templates;
      for (const ProbeItem& item : set.items) templates.insert(item.template_id);
    }
  }
  // A pair is compared within its template: all must have both sides.
  std::size_t both = 0;
  for (const std::string& id : pro_templates) both += anti_templates.count(id);
  CHECK(both == 792);
}

TEST_CASE("a stratified sample keeps the proportions of categories, conditions and polarity",
          "[scoring]") {
  const auto file = testing::evaluation_data("bbq/Religion.jsonl");
  if (!file) return;
  const ProbeSet set = load_probes(*file);
  const auto sample = sample_items(set.items, 100, 7);
  REQUIRE(sample.size() == 100);
  const auto ambiguous = std::count_if(sample.begin(), sample.end(), [](const ProbeItem& i) {
    return i.condition == Condition::ambiguous;
  });
  CHECK(ambiguous == 50);
  CHECK(sample_items(set.items, 100, 7)[13].id == sample[13].id);
  CHECK(sample_items(set.items, 100, 8)[13].id != sample[13].id);
  CHECK(sample_items(set.items, 0, 7).size() == set.items.size());
}
