#include "libquant/audit/gate.h"

#include <functional>
#include <string>
#include <vector>

#include "libquant/audit/comparison.h"
#include "libquant/core/error.h"
#include "libquant/core/hash.h"
#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tests/support/probe_fixtures.h"

namespace {

using namespace libquant;

using Answers = std::function<std::vector<double>(const ProbeItem&)>;

// Answers ambiguous items with "unknown" and the others right, fairly surely.
std::vector<double> competent(const ProbeItem& item) {
  std::vector<double> p(3, 0.15);
  p[static_cast<std::size_t>(item.correct)] = 0.7;
  return p;
}

GateResult gate(const Answers& base, const Answers& quantized) {
  std::vector<ProbeItem> items;
  std::vector<ItemScore> before, after;
  for (int i = 0; i < 240; ++i) {
    for (ProbeItem item : {test::ambiguous_item(i), test::disambiguated_item(i)}) {
      before.push_back(test::answer_score(item, base(item)));
      after.push_back(test::answer_score(item, quantized(item)));
      items.push_back(std::move(item));
    }
  }
  const Comparison comparison =
      compare_scores(items, before, after, ScoringFormat::answer_per_token, {});
  std::vector<const ItemComparison*> all;
  for (const ItemComparison& item : comparison.items) all.push_back(&item);
  const SliceMetrics metrics = slice_metrics("all", all, {.resamples = 100});
  const auto groups = slices_by(
      comparison.items, [](const ItemComparison& i) { return i.item->group; }, {.resamples = 100});
  const double entropy = metrics.quantized_entropy.value - metrics.base_entropy.value;
  const Estimate change{entropy, {entropy, entropy}, items.size()};
  const Estimate none{0, {0, 0}, items.size()};
  return judge({.all = &metrics,
                .groups = &groups,
                .chance_accuracy = 1.0 / 3,
                .entropy_change = change,
                .log_likelihood_change = none,
                .language_model_score_change = {},
                .perplexity_ratio = {}},
               GateThresholds{});
}

Verdict verdict_of(const GateResult& result, const std::string& name) {
  for (const Criterion& criterion : result.criteria)
    if (criterion.name == name) return criterion.verdict;
  FAIL("no criterion " << name);
  return Verdict::inconclusive;
}

// Different for every item, and unrelated to what is right.
std::vector<double> random_answer(const ProbeItem& item) {
  std::vector<double> p(3, 0.3);
  p[hash64(item.id) % 3] = 0.4;
  return p;
}

}  // namespace

TEST_CASE("an unchanged competent model passes the gate", "[audit]") {
  const GateResult result = gate(competent, competent);
  CHECK(result.base_competent);
  CHECK(result.verdict == Verdict::pass);
  CHECK(exit_code(result.verdict) == 0);
}

TEST_CASE("a model that answers at random fails", "[audit]") {
  const GateResult result = gate(competent, random_answer);
  CHECK(result.verdict == Verdict::fail);
  CHECK(verdict_of(result, "disambiguated_accuracy_drop") == Verdict::fail);
  CHECK(verdict_of(result, "option_entropy_rise") == Verdict::fail);
  CHECK(exit_code(result.verdict) == 3);
}

TEST_CASE("a model that always answers unknown fails", "[audit]") {
  const GateResult result = gate(competent, [](const ProbeItem&) {
    return std::vector<double>{0.15, 0.15, 0.7};
  });
  CHECK(result.verdict == Verdict::fail);
  CHECK(verdict_of(result, "disambiguated_accuracy_drop") == Verdict::fail);
}

TEST_CASE("a model that became stereotyped fails by its excess emergence", "[audit]") {
  const GateResult result = gate(competent, [](const ProbeItem& item) {
    return item.condition == Condition::ambiguous ? std::vector<double>{0.7, 0.15, 0.15}
                                                  : competent(item);
  });
  CHECK(verdict_of(result, "excess_emergence") == Verdict::fail);
  CHECK(verdict_of(result, "unknown_rate_drop") == Verdict::fail);
}

TEST_CASE("where the original is at chance the gate is inconclusive, not passed", "[audit]") {
  const GateResult result = gate(random_answer, random_answer);
  CHECK_FALSE(result.base_competent);
  CHECK(result.verdict == Verdict::inconclusive);
  CHECK(exit_code(result.verdict) == 4);
}

TEST_CASE("thresholds read back what they write, and refuse what they do not know", "[audit]") {
  const GateThresholds defaults;
  const Json json = defaults.to_json();
  CHECK(GateThresholds::from_json(json, "x").to_json() == json);
  const Json documented = Json::parse_file(testing::test_folder() + "/../docs/gate.json");
  CHECK(documented.as_object("gate.json").size() == json.as_object("defaults").size());
  CHECK(GateThresholds::from_json(documented, "docs/gate.json").to_json() == json);
  CHECK_THROWS_AS(GateThresholds::from_json(Json::parse(R"({"excess": 1})", "x"), "x"),
                  FormatError);
  CHECK_THROWS_AS(GateThresholds::from_json(Json::parse(R"({"minimum_items": 0})", "x"), "x"),
                  FormatError);
}
