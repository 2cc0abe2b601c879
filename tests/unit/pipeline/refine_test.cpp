#include <algorithm>
#include <set>

#include "libquant/core/error.h"
#include "libquant/pipeline/audit_models.h"
#include "libquant/pipeline/quantize_model.h"
#include "libquant/pipeline/refinement.h"
#include "libquant/pipeline/temporary_model.h"
#include "tests/support/catch.h"
#include "tests/support/thread_count.h"
#include "tests/unit/pipeline/pipeline_case.h"

namespace libquant {
namespace {

using testing::contents;
using testing::holds;
using testing::message_of;
using testing::PipelineCase;
using testing::write_file;

/// A tiny model at 3 bits with 64 windows and a few probes.
struct RefineCase : PipelineCase {
  RefineCase() {
    std::string choices;
    for (int i = 0; i < 30; ++i)
      choices += fmt::format(
          R"({{"question": "Who of {} left?", "template": "t{}", "options": [{{"text": "he {}", "role": "stereotype"}}, {{"text": "she", "role": "anti"}}, {{"text": "no one", "role": "unknown"}}]}})"
          "\n",
          i, i, i);
    write_file(folder / "choices.jsonl", choices);
  }

  QuantizeOptions refined(const std::string& name, bool probes) const {
    QuantizeOptions made = options(name);
    made.layer.scheme.bits = 3;
    made.calibration.windows = 64;
    made.calibration.window = 24;
    if (probes) made.fairness.probes = {folder / "choices.jsonl"};
    made.refine.steps = 16;
    made.refine.learning_rate = 2e-3;
    made.refine.windows = 16;
    made.refine.items = 8;
    made.refine.interval = 4;
    return made;
  }
};

// What is left of the rounded model's divergences.
double total(const RefineReport::Losses& losses, const RefineReport::Losses& first,
             double probe_weight) {
  return losses.text / first.text + probe_weight * losses.probes / first.probes;
}

TEST_CASE("a refinement lowers the loss on what is kept apart, with the codes as they are") {
  const RefineCase c;
  for (const ZeroKind zero : {ZeroKind::symmetric, ZeroKind::minimum}) {
    INFO(to_string(zero));
    auto options = c.refined(fmt::format("refined{}", to_string(zero)), true);
    options.layer.scheme.zero = zero;
    options.formats = {Format::safetensors};
    const auto report = quantize_model(c.model, options);
    REQUIRE(report.refinement);
    const RefineReport& r = *report.refinement;
    CHECK(r.windows == 56);
    CHECK(r.select_windows == 8);
    CHECK(r.items + r.select_items < 30);
    CHECK(r.select_items > 0);
    CHECK(r.batches.size() == 16);
    REQUIRE(r.looks.size() == 5);  // before, and after every four steps
    CHECK(r.best_step > 0);
    const auto best = std::ranges::find(r.looks, r.best_step, &RefineReport::Losses::step);
    const double weight = options.refine.probe_weight, least = total(*best, r.looks[0], weight);
    CHECK(least < 0.97 * (1 + weight));
    for (const auto& look : r.looks) CHECK(least <= total(look, r.looks[0], weight));
    const Json kept = Json::parse_file(options.output / "quantize_report.json");
    CHECK(to_json(report_from_json(kept)) == to_json(report));

    options.output = c.folder / fmt::format("again{}", to_string(zero));
    const auto refined = quantize_temporarily(c.model, options);
    options.refine = {};
    options.output = c.folder / fmt::format("plain{}", to_string(zero));
    const auto rounded = quantize_temporarily(c.model, options);
    std::size_t moved = 0, parameters = 0;
    for (const auto& name : c.model.names()) {
      const auto a = refined.checkpoint->quantized(name), b = rounded.checkpoint->quantized(name);
      REQUIRE(a.has_value() == b.has_value());
      if (!a) continue;
      check_quantized(*a, name);
      CHECK(a->codes == b->codes);
      CHECK((zero == ZeroKind::minimum) == (a->minimums != b->minimums));
      for (std::size_t i = 0; i < a->scales.size(); ++i)
        moved += a->scales[i] != b->scales[i] ? 1 : 0;
      parameters += a->scales.size();
    }
    CHECK(moved > parameters / 2);
  }
}

TEST_CASE("items that a refinement looked at count as used") {
  const RefineCase c;
  const auto report = quantize_model(c.model, c.refined("out", true));
  CHECK(report.fairness->templates.size() ==
        report.refinement->items + report.refinement->select_items);
  AuditRequest request;
  request.probes = {c.folder / "choices.jsonl"};
  request.scoring.letters = false;
  request.split = ProbeSplit::select;
  CHECK(holds(message_of<InvalidArgument>(
                  [&] { audit_models(c.folder / "out", {c.folder / "out"}, request); }),
              "templates were used for quantizing"));
}

TEST_CASE("a refinement ends with the same bytes at any thread count, interrupted or not") {
  const RefineCase c;
  quantize_model(c.model, c.refined("whole", true));
  const auto expected = contents(c.folder / "whole");
  {
    const test_support::ThreadCount guard(3);
    quantize_model(c.model, c.refined("threads", true));
    CHECK(contents(c.folder / "threads") == expected);
  }
  // Progress counts forward and backward passes; refining begins after the two blocks.
  std::size_t reports = 0, first = 0;
  quantize_model(c.model, c.refined("counted", true), [&](const Progress& p) {
    if (first == 0 && p.stage == "refining scales") first = reports;
    ++reports;
    return true;
  });
  REQUIRE(first > 0);
  for (std::size_t step = first; step < reports; step += 9) {
    INFO("stopped at " << step << " of " << reports);
    auto options = c.refined(fmt::format("part{}", step), true);
    std::size_t seen = 0;
    CHECK_THROWS_AS(
        quantize_model(c.model, options, [&](const Progress&) { return seen++ != step; }),
        Interrupted);
    options.resume = true;
    const auto report = quantize_model(c.model, options);
    CHECK(report.blocks_resumed == 2);
    CHECK(contents(options.output) == expected);
  }
}

TEST_CASE("a damaged state is not used: the refinement starts again") {
  const RefineCase c;
  quantize_model(c.model, c.refined("whole", false));
  auto options = c.refined("part", false);
  const auto file = options.output / ".libquant-work" / "refinement.safetensors";
  CHECK_THROWS_AS(quantize_model(c.model, options,
                                 [&](const Progress&) { return !std::filesystem::exists(file); }),
                  Interrupted);
  std::string bytes = testing::read_file(file);
  bytes[bytes.size() - 5] = static_cast<char>(bytes[bytes.size() - 5] ^ 1);
  write_file(file, bytes);
  options.resume = true;
  quantize_model(c.model, options);
  CHECK(contents(options.output) == contents(c.folder / "whole"));
}

TEST_CASE("steps that lead nowhere leave the bytes of the rounded model") {
  const RefineCase c;
  auto options = c.refined("wild", false);
  options.refine.learning_rate = 0.1;
  options.refine.interval = 1;
  options.refine.steps = 6;
  options.refine.patience = 2;
  const auto report = quantize_model(c.model, options);
  auto plain = options;
  plain.output = c.folder / "plain";
  plain.refine = {};
  quantize_model(c.model, plain);
  CHECK(report.refinement->best_step == 0);
  CHECK(report.refinement->stopped_early);
  CHECK(report.refinement->batches.size() == 2);
  CHECK(contents(options.output) == contents(plain.output));
}

TEST_CASE("what a refinement cannot do is refused before anything is computed") {
  const RefineCase c;
  const auto refused = [&](auto change, const char* expected) {
    auto options = c.refined("never", true);
    change(options);
    INFO(expected);
    CHECK(holds(message_of<InvalidArgument>([&] { quantize_model(c.model, options); }), expected));
    CHECK_FALSE(std::filesystem::exists(options.output / ".libquant-work"));
  };
  refused([](auto& o) { o.refine.learning_rate = 0; }, "learning rate 0");
  refused([](auto& o) { o.refine.probe_weight = -1; }, "probe weight -1");
  refused([](auto& o) { o.refine.windows = 0; }, "windows 0");
  refused([](auto& o) { o.calibration.windows = 8; }, "8 windows of calibration text");
  refused(
      [](auto& o) {
        o.layer.method = Method::rtn;
        o.fairness = {};
        o.calibration.texts.clear();
      },
      "a refinement needs calibration text");
}

TEST_CASE("a deck deals everything once before it deals anything twice, always in the same order") {
  Deck deck(10, 3), again(10, 3), other(10, 4);
  std::vector<std::size_t> first, second;
  bool differs = false;
  for (std::size_t i = 0; i < 20; ++i) {
    (i < 10 ? first : second).push_back(deck.at(i));
    differs |= deck.at(i) != other.at(i);
  }
  CHECK(differs);
  CHECK(first != second);
  CHECK(std::set(first.begin(), first.end()).size() == 10);
  CHECK(std::set(second.begin(), second.end()).size() == 10);
  CHECK(again.at(13) == second[3]);
  CHECK(again.at(4) == first[4]);
}

}  // namespace
}  // namespace libquant
