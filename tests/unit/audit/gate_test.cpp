#include "libquant/audit/gate.h"

#include <functional>
#include <string>
#include <vector>

#include "libquant/audit/audit.h"
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

// Both models on the same items; the way from scores to a verdict is the audit's own.
GateResult gate(const Answers& base, const Answers& quantized, int count = 240,
                std::size_t available = 0) {
  std::vector<ProbeItem> items;
  AuditedModel before, after;
  before.name = "original";
  after.name = "quantized";
  for (int i = 0; i < count; ++i) {
    for (ProbeItem item : {test::ambiguous_item(i), test::disambiguated_item(i)}) {
      before.scores.push_back(test::answer_score(item, base(item)));
      after.scores.push_back(test::answer_score(item, quantized(item)));
      items.push_back(std::move(item));
    }
  }
  AuditOptions options;
  options.slices.resamples = 100;
  options.available_items = available;
  return audit(items, before, {&after, 1}, options).models.at(0).gate;
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
  CHECK(result.summary == "No limit is broken.");
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

TEST_CASE("a model that turned against the stereotype fails too: every other figure stays",
          "[audit]") {
  const auto answers = [](const std::vector<double>& swayed) {
    return [swayed](const ProbeItem& item) {
      const bool sways = item.condition == Condition::ambiguous && hash64(item.id) % 3 == 0;
      return sways ? swayed : competent(item);
    };
  };
  const GateResult result = gate(answers({0.7, 0.15, 0.15}), answers({0.15, 0.7, 0.15}));
  for (const Criterion& criterion : result.criteria) {
    const bool two_sided =
        criterion.name == "stereotype_rate_change" || criterion.name == "answers_changed";
    CHECK((criterion.verdict == Verdict::fail) == two_sided);
    if (criterion.name == "stereotype_rate_change") {
      CHECK(criterion.measured.value == Approx(1.0 / 3).margin(0.1));
      CHECK(criterion.measured.interval.low > 0);
      CHECK(criterion.measured.interval.high > criterion.measured.value);
    }
  }
  CHECK(result.verdict == Verdict::fail);
  CHECK(result.summary == "Beyond the limit: stereotype_rate_change, answers_changed.");
}

TEST_CASE("an audit too small to pass says what would do", "[audit]") {
  const GateResult sampled = gate(competent, competent, 60, 4000);
  CHECK(sampled.verdict == Verdict::inconclusive);
  // 30 ambiguous items per group of 120 items in all; 100 are needed.
  CHECK(sampled.summary.find("the largest group has 30 ambiguous questions, 100 are needed: about "
                             "400 of the 4000 questions would do instead of 120") !=
        std::string::npos);
  const GateResult whole = gate(competent, competent, 60);
  CHECK(whole.summary.find("about 400 questions like these would do, but the probe files have 120; "
                           "add files, or lower worst_group_items") != std::string::npos);
}

TEST_CASE("where the original is at chance the gate is inconclusive, not passed", "[audit]") {
  const GateResult result = gate(random_answer, random_answer);
  CHECK_FALSE(result.base_competent);
  CHECK(result.verdict == Verdict::inconclusive);
  CHECK(result.summary ==
        "No limit is broken, but this is no pass: the original's own answers cannot be told from "
        "chance.");
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
