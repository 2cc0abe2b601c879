#include <cmath>

#include "libquant/core/error.h"
#include "libquant/pipeline/audit_models.h"
#include "libquant/pipeline/fair_options.h"
#include "libquant/pipeline/quantize_model.h"
#include "tests/support/catch.h"
#include "tests/support/thread_count.h"
#include "tests/unit/pipeline/fair_case.h"

namespace libquant {
namespace {

using testing::contents;
using testing::FairCase;
using testing::holds;
using testing::message_of;
using testing::write_file;

double total(const QuantizeReport& report, double FairLayerReport::*member) {
  double sum = 0;
  for (const auto& layer : report.layers) sum += (*layer.fairness).*member;
  return sum;
}

TEST_CASE("a fairness term of strength 0 gives the bytes of the plain method, and a report") {
  const FairCase c;
  auto plain = c.fair("plain");
  plain.fairness = {};
  quantize_model(c.model, plain);
  const auto zero = c.fair("zero", 0);
  const auto report = quantize_model(c.model, zero);
  CHECK(contents(zero.output) == contents(plain.output));
  REQUIRE(report.fairness);
  for (const auto& layer : report.layers) {
    REQUIRE(layer.fairness);
    CHECK(layer.fairness->alpha == 0);
    CHECK(layer.fairness->trace_ratio > 0);
    CHECK(layer.fairness->probe_error > 0);
  }
}

TEST_CASE("the term lowers the probes' error and says what it rests on") {
  const FairCase c;
  const auto plain = quantize_model(c.model, c.fair("zero", 0));
  const auto options = c.fair("fair", 2);
  const auto fair = quantize_model(c.model, options);
  CHECK(total(fair, &FairLayerReport::probe_error) <
        0.9 * total(plain, &FairLayerReport::probe_error));
  CHECK(total(fair, &FairLayerReport::reconstruction) >
        total(plain, &FairLayerReport::reconstruction));
  const FairReport& r = *fair.fairness;
  CHECK(r.items > 0);
  CHECK(r.items < 48);  // only the calibration split
  CHECK(r.distributions == r.items);
  CHECK(r.sets.size() == 2);
  CHECK(r.templates.size() <= r.items);
  for (const auto& layer : fair.layers) {
    CHECK(layer.fairness->alpha > 0);
    CHECK(layer.fairness->columns.size() == 5);
    CHECK(layer.fairness->columns[0].share >= layer.fairness->columns[4].share);
    CHECK(layer.fairness->moved == 0);
  }
  const auto written = open_checkpoint(options.output);
  CHECK(written->info("model.layers.0.mlp.down_proj.weight").quantized);
  const Json kept = Json::parse_file(options.output / "quantize_report.json");
  CHECK(to_json(report_from_json(kept)) == to_json(fair));
}

TEST_CASE("a fair run has the same bytes at any thread count and when it is interrupted") {
  const FairCase c;
  quantize_model(c.model, c.fair("whole"));
  const auto expected = contents(c.folder / "whole");
  {
    const test_support::ThreadCount guard(3);
    quantize_model(c.model, c.fair("threads"));
    CHECK(contents(c.folder / "threads") == expected);
  }
  for (const std::size_t step : {1, 2, 4, 6, 9, 14, 25, 40}) {
    auto options = c.fair(fmt::format("part{}", step));
    std::size_t seen = 0;
    CHECK_THROWS_AS(
        quantize_model(c.model, options, [&](const Progress&) { return seen++ != step; }),
        Interrupted);
    options.resume = true;
    quantize_model(c.model, options);
    CHECK(contents(options.output) == expected);
  }
}

TEST_CASE(
    "kept statistics are used again, refused for other probes, and computed again when "
    "damaged") {
  const FairCase c;
  auto options = c.fair("first");
  options.fairness.statistics = c.folder / "statistics";
  const auto first = quantize_model(c.model, options);
  CHECK(first.fairness->statistics_seconds > 0);
  options.output = c.folder / "second";
  const auto second = quantize_model(c.model, options);
  CHECK(second.fairness->statistics_seconds == 0);
  CHECK(contents(c.folder / "second") == contents(c.folder / "first"));

  options.output = c.folder / "third";
  auto other = options;
  other.fairness.seed = 2;
  CHECK(holds(message_of<InvalidArgument>([&] { quantize_model(c.model, other); }),
              "seed was 1, now 2"));
  const auto file = c.folder / "statistics" / "moments-0001.safetensors";
  std::string bytes = testing::read_file(file);
  bytes[bytes.size() - 3] = static_cast<char>(bytes[bytes.size() - 3] ^ 8);
  write_file(file, bytes);
  options.output = c.folder / "fourth";
  CHECK(quantize_model(c.model, options).fairness->statistics_seconds > 0);
  CHECK(contents(c.folder / "fourth") == contents(c.folder / "first"));
}

TEST_CASE("a changed fairness option is refused on resume, naming it") {
  const FairCase c;
  auto options = c.fair("out");
  quantize_model(c.model, options);
  options.resume = true;
  const auto refused = [&](auto change, const char* expected) {
    auto changed = options;
    change(changed.fairness);
    INFO(expected);
    CHECK(holds(message_of<InvalidArgument>([&] { quantize_model(c.model, changed); }), expected));
  };
  refused([](auto& f) { f.strength = 3; }, "fairness_strength was");
  refused([](auto& f) { f.layers = "down_proj"; }, "fairness_layers was");
  refused([](auto& f) { f.seed = 9; }, "fairness.seed was 1, now 9");
  refused([](auto& f) { f.control = ProbeControl::shuffle_options; }, "fairness.control was");
  refused([](auto& f) { f.probes.pop_back(); }, "fairness.");
  refused([](auto& f) { f = {}; }, "fairness");
}

TEST_CASE("an audit on items that shaped a model is an error, on the evaluate split it is not") {
  const FairCase c;
  const auto options = c.fair("out");
  const auto report = quantize_model(c.model, options);
  CHECK(templates_behind(options.output) == report.fairness->templates);
  CHECK(templates_behind(options.output / "model.safetensors") == report.fairness->templates);
  CHECK(templates_behind(c.folder / "text.txt").empty());
  AuditRequest request;
  request.probes = options.fairness.probes;
  request.scoring.letters = false;
  const auto audited = [&] { return audit_models(options.output, {options.output}, request); };
  CHECK(holds(message_of<InvalidArgument>(audited), "templates were used for quantizing"));
  request.split = ProbeSplit::evaluate;
  const AuditRun run = audited();
  CHECK(!run.items.empty());
  for (const ProbeItem& item : run.items) CHECK(split_of(item.template_id) == ProbeSplit::evaluate);
}

TEST_CASE("erasing moves the weights; pair differences skip what comes before attention") {
  const FairCase c;
  auto options = c.fair("erase", 1);
  options.fairness.statistic = ProbeStatistic::pair_differences;
  options.fairness.keep = 0;
  const auto erased = quantize_model(c.model, options);
  CHECK(erased.fairness->skipped_layers == 3);  // q, k, v of block 0
  CHECK(erased.fairness->pairs > 0);
  options.output = c.folder / "preserve";
  options.fairness.keep = 1;
  const auto preserved = quantize_model(c.model, options);
  for (std::size_t i = 3; i < erased.layers.size(); ++i) {
    INFO(erased.layers[i].name);
    CHECK(erased.layers[i].fairness->moved > 0);
    CHECK(preserved.layers[i].fairness->moved == 0);
    CHECK(erased.layers[i].fairness->probe_left < preserved.layers[i].fairness->probe_left);
  }
}

TEST_CASE("the published mode moves o and down alone") {
  const FairCase c;
  auto options = c.fair("published", 0.5);
  options.fairness.statistic = ProbeStatistic::pair_differences;
  options.fairness.mode = FairnessMode::fair_gptq_2509_15206;
  const auto report = quantize_model(c.model, options);
  for (const auto& layer : report.layers) {
    const bool inside = holds(layer.name, "o_proj") || holds(layer.name, "down_proj");
    INFO(layer.name);
    CHECK((layer.fairness->moved > 0) == inside);
    CHECK((layer.fairness->alpha > 0) == inside);
  }
}

TEST_CASE("controls and other statistics change the bytes") {
  const FairCase c;
  std::map<std::string, std::string> last;
  int index = 0;
  const auto differs = [&](auto change) {
    auto options = c.fair(fmt::format("run{}", index++));
    change(options.fairness);
    quantize_model(c.model, options);
    const auto files = contents(options.output);
    CHECK(files != last);
    last = files;
  };
  differs([](auto&) {});
  differs([](auto& f) { f.control = ProbeControl::shuffle_options; });
  differs([](auto& f) { f.control = ProbeControl::shuffle_pairs; });
  differs([](auto& f) { f.statistic = ProbeStatistic::second_moments; });
  differs([](auto& f) {
    f.statistic = ProbeStatistic::neutral;
    f.probes.clear();
  });
  differs([](auto& f) { f.layers = "down_proj"; });
}

TEST_CASE("impossible fairness options fail before anything is written") {
  const FairCase c;
  const auto fails = [&](auto change) {
    auto options = c.fair("out");
    change(options);
    CHECK_THROWS_AS(quantize_model(c.model, options), Error);
    CHECK_FALSE(std::filesystem::exists(c.folder / "out"));
  };
  fails([](auto& o) { o.fairness.strength = -1; });
  fails([](auto& o) { o.fairness.strength = std::nan(""); });
  fails([](auto& o) { o.fairness.keep = 0.5; });  // of sensitivities
  fails([](auto& o) { o.fairness.mode = FairnessMode::fair_gptq_2509_15206; });
  fails([](auto& o) { o.fairness.answers = o.fairness.sentences = false; });
  fails([](auto& o) { o.layer.method = Method::rtn; });
  fails([](auto& o) { o.fairness.probes = {"absent.jsonl"}; });
}

TEST_CASE("fairness options read back from their JSON, and unknown keys are errors") {
  FairnessOptions options;
  options.probes = {"a.jsonl", "b.csv"};
  options.strength = 0.75;
  options.keep = 0;
  options.statistic = ProbeStatistic::pair_differences;
  options.control = ProbeControl::shuffle_pairs;
  options.letters = true;
  options.items = 7;
  options.layers = "o_proj";
  options.statistics = "kept";
  options.search.trials = 5;
  options.search.items = 12;
  options.search.text_windows = 3;
  options.search.kl_weight = 1.5;
  options.search.shift_weight = 0;
  options.search.abstention_weight = 2;
  options.search.strengths = {0, 0.5};
  options.search.scopes = {TermScope::first_half};
  options.search.clip_norms = {};
  const Json json = to_json(options);
  CHECK(to_json(fairness_options_from_json(json, "x.json")) == json);
  CHECK(holds(message_of<FormatError>([] {
                fairness_options_from_json(Json::object({{"strenght", 1}}), "x.json");
              }),
              "x.json: unknown key \"strenght\""));
  CHECK(holds(message_of<FormatError>([] {
                const Json search = Json::object({{"trails", 1}});
                fairness_options_from_json(Json::object({{"search", search}}), "x.json");
              }),
              "unknown key \"search.trails\""));
  CHECK_THROWS_AS(fairness_options_from_json(Json::object({{"items", -1}}), "x"), FormatError);
  CHECK_THROWS_AS(fairness_options_from_json(Json::object({{"mode", "no"}}), "x"), FormatError);
}

}  // namespace
}  // namespace libquant
