#include "libquant/pipeline/settings_search.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "libquant/core/error.h"
#include "libquant/fairness/splits.h"
#include "libquant/pipeline/audit_models.h"
#include "libquant/pipeline/coordinate_search.h"
#include "libquant/scoring/load_probes.h"
#include "tests/support/catch.h"
#include "tests/support/thread_count.h"
#include "tests/unit/pipeline/fair_case.h"

namespace libquant {
namespace {

namespace fs = std::filesystem;
using testing::contents;
using testing::FairCase;
using testing::holds;
using testing::message_of;

struct SearchCase : FairCase {
  QuantizeOptions search(const std::string& name, std::size_t trials = 5) const {
    QuantizeOptions made = fair(name);
    made.layer.clip = {4, 0.6, 2, true};
    made.fairness.search.trials = trials;
    made.fairness.search.items = 0;
    made.fairness.search.text_windows = 4;
    made.fairness.search.strengths = {0, 2};
    made.fairness.search.scopes = {TermScope::mlp};
    return made;
  }
};

/// Runs a search against a loss that is a function of the settings.
template <typename Loss>
std::vector<TrialSettings> course(CoordinateSearch& search, Loss loss) {
  std::vector<TrialSettings> tried;
  while (const auto settings = search.next()) {
    tried.push_back(*settings);
    search.record(*settings, loss(*settings));
  }
  return tried;
}

double distance(const TrialSettings& s) {
  return std::fabs(s.strength - 4) + (s.scope == TermScope::attention ? 0 : 1) +
         (s.clip_weighted ? 1 : 0) + std::fabs(s.clip_norm - 2.4);
}

TEST_CASE("a coordinate search finds the best of every coordinate and repeats nothing") {
  SearchOptions options;
  options.trials = 100;
  CoordinateSearch search({}, options, false);
  const auto tried = course(search, distance);
  CHECK(tried.front() == TrialSettings{});
  CHECK(tried[search.best()] == TrialSettings{4, TermScope::attention, 2.4, false});
  for (std::size_t i = 0; i < tried.size(); ++i) {
    CHECK(std::count(tried.begin(), tried.end(), tried[i]) == 1);
    CHECK((tried[i].strength > 0 || tried[i].scope == TermScope::all));
  }
  // 4 strengths, 5 scopes, 2 weightings, 2 norms: one value of each is where the others begin. Then
  // once around: the strengths and the rest beside the best.
  CHECK(tried.size() < 4 * 5 * 2 * 2);
}

TEST_CASE("a coordinate search ends with its budget, and the first of equal losses is the best") {
  SearchOptions options;
  for (const std::size_t trials : {1, 2, 5}) {
    options.trials = trials;
    CoordinateSearch search({}, options, false);
    CHECK(course(search, distance).size() == trials);
  }
  options.trials = 6;
  CoordinateSearch flat({}, options, false);
  course(flat, [](const TrialSettings&) { return 1.0; });
  CHECK(flat.best() == 0);
}

TEST_CASE("what is not to be searched stays as it was given") {
  SearchOptions options;
  options.trials = 100;
  options.clip_norms.clear();
  CoordinateSearch search({3, TermScope::all, 1.5, false}, options, true);
  std::set<double> strengths;
  for (const auto& settings : course(search, distance)) {
    strengths.insert(settings.strength);
    CHECK(settings.scope == TermScope::all);
    CHECK(settings.clip_norm == 1.5);
    CHECK_FALSE(settings.clip_weighted);
  }
  CHECK(strengths == std::set<double>{0, 0.25, 3, 4});
}

TEST_CASE(
    "what is written is the trial with the least loss, as a run with its settings writes it") {
  const SearchCase c;
  const auto options = c.search("out");
  const auto report = quantize_model(c.model, options);
  REQUIRE(report.search);
  const SearchReport& search = *report.search;
  CHECK(search.trials.size() == 5);
  for (const auto& trial : search.trials) {
    CHECK(search.trials[search.chosen].total <= trial.total);
    CHECK(trial.total == Approx(trial.loss.total(search.weights)));
    CHECK(trial.loss.kl > 0);
    CHECK(trial.loss.items == search.items);
  }
  CHECK_FALSE(fs::exists(search_folder(options.output)));
  CHECK_FALSE(fs::exists(work_folder(options.output)));
  const auto kept = Json::parse_file(options.output / "quantize_report.json");
  CHECK(to_json(report_from_json(kept)) == to_json(report));

  auto alone = with_settings(options, search.trials[search.chosen].settings, 2);
  alone.output = c.folder / "alone";
  const auto same = quantize_model(c.model, alone);
  CHECK(contents(alone.output) == contents(options.output));
  CHECK(report.fairness->strength == search.trials[search.chosen].settings.strength);
  CHECK(same.fairness->templates == report.fairness->templates);
}

TEST_CASE("trials are judged by how they move the select split, not by what they were made with") {
  const SearchCase c;
  const auto options = c.search("out", 1);
  const auto report = quantize_model(c.model, options);
  std::vector<ProbeItem> all;
  for (const auto& path : options.fairness.probes) {
    const auto set = load_probes(path);
    all.insert(all.end(), set.items.begin(), set.items.end());
  }
  const auto select = items_of(all, ProbeSplit::select);
  CHECK(report.search->items == select.size());
  CHECK(report.search->templates == template_hashes(select));
  CHECK_NOTHROW(check_disjoint(report.fairness->templates, select, "statistics"));
  // Both shaped the model, so it may be judged on neither.
  auto both = report.fairness->templates;
  both.insert(both.end(), report.search->templates.begin(), report.search->templates.end());
  std::sort(both.begin(), both.end());
  CHECK(templates_behind(options.output) == both);
  AuditRequest request;
  request.probes = options.fairness.probes;
  request.scoring.letters = false;
  request.split = ProbeSplit::select;
  CHECK(holds(
      message_of<InvalidArgument>([&] { audit_models(options.output, {options.output}, request); }),
      "templates were used for quantizing"));
}

TEST_CASE("a search has the same course at any thread count and when it is interrupted") {
  const SearchCase c;
  const auto whole = quantize_model(c.model, c.search("whole"));
  const auto expected = contents(c.folder / "whole");
  const auto losses = [](const QuantizeReport& report) {
    std::vector<double> all;
    for (const auto& trial : report.search->trials) all.push_back(trial.total);
    return all;
  };
  {
    const test_support::ThreadCount guard(3);
    CHECK(losses(quantize_model(c.model, c.search("threads"))) == losses(whole));
    CHECK(contents(c.folder / "threads") == expected);
  }
  for (const std::size_t step : {1, 3, 20, 60, 110, 150, 180}) {
    auto options = c.search(fmt::format("part{}", step));
    std::size_t seen = 0;
    try {
      quantize_model(c.model, options, [&](const Progress&) { return seen++ != step; });
    } catch (const Interrupted&) {
      options.resume = true;
      quantize_model(c.model, options);
    }
    INFO(step << " of " << seen);
    CHECK(seen > step);
    CHECK(contents(options.output) == expected);
    options.resume = true;
    CHECK(losses(quantize_model(c.model, options)) == losses(whole));
  }
}

TEST_CASE("finished trials are not made again") {
  const SearchCase c;
  auto options = c.search("out");
  const auto second = search_folder(options.output) / "trial-0001.json";
  CHECK_THROWS_AS(
      quantize_model(c.model, options, [&](const Progress&) { return !fs::exists(second); }),
      Interrupted);
  // A loss that no model has: whoever makes the trial again overwrites it.
  auto changed = trial_report_from_json(Json::parse_file(second));
  changed.total = -1;
  testing::write_file(second, to_json(changed).dump());
  options.resume = true;
  const auto report = quantize_model(c.model, options);
  CHECK(report.search->chosen == 1);
  CHECK(report.search->trials[1].total == -1);
  CHECK(report.search->trials.size() == 5);
}

TEST_CASE("an unfinished search is gone on with by its own options alone") {
  const SearchCase c;
  auto options = c.search("out");
  const auto first = search_folder(options.output) / "trial-0000.json";
  CHECK_THROWS_AS(
      quantize_model(c.model, options, [&](const Progress&) { return !fs::exists(first); }),
      Interrupted);
  CHECK(holds(message_of<InvalidArgument>([&] { quantize_model(c.model, options); }),
              "unfinished run"));
  options.resume = true;
  auto plain = options;
  plain.fairness.search.trials = 0;
  CHECK(holds(message_of<InvalidArgument>([&] { quantize_model(c.model, plain); }),
              "unfinished search"));
  auto other = options;
  other.fairness.search.kl_weight = 1;
  CHECK(holds(message_of<InvalidArgument>([&] { quantize_model(c.model, other); }),
              "search.kl_weight was"));
  other = options;
  other.layer.scheme.bits = 4;
  CHECK(holds(message_of<InvalidArgument>([&] { quantize_model(c.model, other); }), "bits was 3"));
  plain.resume = false;
  plain.overwrite = true;
  CHECK_FALSE(quantize_model(c.model, plain).search);
  CHECK_FALSE(fs::exists(search_folder(options.output)));
  CHECK(holds(message_of<InvalidArgument>([&] { quantize_model(c.model, options); }),
              "without a search"));
  options.resume = false;
  options.overwrite = true;
  CHECK(quantize_model(c.model, options).search);
}

TEST_CASE("a search that cannot be judged fails before anything is written") {
  const SearchCase c;
  const auto fails = [&](auto change) {
    auto options = c.search("out");
    change(options);
    CHECK_THROWS_AS(quantize_model(c.model, options), Error);
    CHECK_FALSE(fs::exists(c.folder / "out"));
  };
  fails([](auto& o) { o.fairness.probes.clear(); });
  fails([](auto& o) { o.fairness.search.text_windows = 1000; });  // more than the text holds
  fails([](auto& o) { o.fairness.search.text_windows = 0; });
  fails([](auto& o) { o.fairness.search.kl_weight = -1; });
  fails([](auto& o) { o.fairness.search.strengths = {-1}; });
  fails([](auto& o) { o.fairness.search.clip_norms = {0}; });
}

TEST_CASE("a plan says what the trials will cost") {
  const SearchCase c;
  const auto plan = plan_quantization(c.model, c.search("out", 7));
  CHECK(plan.trials == 7);
  CHECK(plan.trial_items > 0);
  CHECK(plan.trial_flops > plan.floor_flops);
  CHECK(plan_quantization(c.model, c.fair("out")).trials == 0);
}

}  // namespace
}  // namespace libquant
