#include "libquant/pipeline/bit_plan.h"

#include <set>

#include "libquant/core/error.h"
#include "libquant/io/gguf.h"
#include "libquant/io/safetensors.h"
#include "libquant/pipeline/layer_plan.h"
#include "libquant/pipeline/quantize_model.h"
#include "tests/support/catch.h"
#include "tests/support/thread_count.h"
#include "tests/unit/pipeline/fair_case.h"

namespace libquant {
namespace {

namespace fs = std::filesystem;
using testing::FairCase;
using testing::holds;
using testing::message_of;

std::set<int> widths(const BitPlan& plan) {
  std::set<int> bits;
  for (const BitGroup& group : plan.groups) bits.insert(group.choices[group.chosen].bits);
  return bits;
}

TEST_CASE("a plan keeps its budget, ties layers, and its model holds the bits that it names") {
  const FairCase c;
  auto options = c.options("out");
  options.bit_plan = plan_bits(c.model, options, 4.6);
  const BitPlan& plan = *options.bit_plan;
  CHECK(plan.bits_per_weight() <= 4.6);
  CHECK(plan.bits_per_weight() > 4.0);
  CHECK(widths(plan).size() > 1);
  CHECK(plan.groups.size() == 8);
  for (const char* block : {"0", "1"}) {
    const auto bits = [&](const char* role) {
      const auto found = plan.bits_of(fmt::format("model.layers.{}.{}", block, role));
      REQUIRE(found.has_value());
      return *found;
    };
    CHECK(bits("self_attn.q_proj") == bits("self_attn.k_proj"));
    CHECK(bits("self_attn.q_proj") == bits("self_attn.v_proj"));
    CHECK(bits("mlp.gate_proj") == bits("mlp.up_proj"));
  }
  CHECK_FALSE(fs::exists(options.output / ".libquant-bits"));
  const auto report = quantize_model(c.model, options);
  for (const auto& layer : report.layers) CHECK(layer.scheme.bits == *plan.bits_of(layer.name));
  const auto kept = Json::parse_file(options.output / "quantize_report.json");
  CHECK(to_json(report_from_json(kept)) == to_json(report));
  CHECK(to_json(*report.bit_plan) == to_json(plan));
}

TEST_CASE("more bits predict less loss, and a larger budget no more of it") {
  const FairCase c;
  double last = std::numeric_limits<double>::infinity();
  for (const double budget : {3.0, 3.6, 4.6, 6.0, 9.0}) {
    const BitPlan plan = plan_bits(c.model, c.options("out"), budget);
    CHECK(plan.predicted_loss() <= last);
    last = plan.predicted_loss();
    for (const BitGroup& group : plan.groups) {
      CHECK(group.choices.front().bits == 2);
      CHECK(group.choices.back().bits == 8);
      CHECK(group.choices.front().loss > group.choices.back().loss);
      CHECK(group.choices.back().loss > 0);
    }
  }
  CHECK(widths(plan_bits(c.model, c.options("out"), 100)) == std::set<int>{8});
  CHECK(holds(message_of<InvalidArgument>([&] { plan_bits(c.model, c.options("out"), 2.0); }),
              "less than"));
}

TEST_CASE("probes change what a plan predicts, by their strength") {
  const FairCase c;
  const auto loss = [&](double strength) {
    return plan_bits(c.model, c.fair("out", strength), 4.0).groups[0].choices[0].loss;
  };
  const double none = plan_bits(c.model, c.options("out"), 4.0).groups[0].choices[0].loss;
  CHECK(loss(0) == none);
  const double one = loss(1);
  CHECK(one > none);
  CHECK(loss(3) > one);
}

TEST_CASE("a plan is the same at any thread count, and reads back from its JSON") {
  const FairCase c;
  const Json expected = to_json(plan_bits(c.model, c.fair("out"), 4.0));
  CHECK(to_json(bit_plan_from_json(expected)) == expected);
  CHECK(bit_plan_from_json(expected).fallbacks == 0);
  const test_support::ThreadCount guard(3);
  CHECK(to_json(plan_bits(c.model, c.fair("out"), 4.0)).dump() == expected.dump());
  Json broken = expected;
  broken.set("groups", Json::Array{Json::object({{"layers", Json::Array{}}})});
  CHECK_THROWS_AS(bit_plan_from_json(broken), FormatError);
}

TEST_CASE("a plan has only widths that every format holds") {
  const FairCase c;
  const auto planned = [&](std::vector<Format> formats, double budget) {
    auto options = c.options("out");
    options.formats = std::move(formats);
    return widths(plan_bits(c.model, options, budget));
  };
  for (const double budget : {4.6, 5.5, 6.5}) {
    for (const int bits : planned({Format::gptq}, budget))
      CHECK(std::set<int>{2, 3, 4, 8}.count(bits) == 1);
    for (const int bits : planned({Format::gguf, Format::gptq}, budget))
      CHECK(std::set<int>{4, 8}.count(bits) == 1);
  }
  auto options = c.options("out");
  options.formats = {Format::gguf};
  options.layer.scheme.zero = ZeroKind::asymmetric;
  CHECK(holds(message_of<NotSupported>([&] { plan_bits(c.model, options, 5); }), "gguf"));
}

TEST_CASE("the bytes of a plan are those of the file") {
  const FairCase c;
  for (const Format format : {Format::compressed_tensors, Format::gptq, Format::gguf})
    for (const ZeroKind zero : {ZeroKind::symmetric, ZeroKind::asymmetric}) {
      if (format == Format::gguf && zero == ZeroKind::asymmetric) continue;
      INFO(to_string(format) << " " << to_string(zero));
      auto options = c.options(fmt::format("{}-{}", to_string(format), to_string(zero)));
      options.formats = {format};
      options.layer.scheme.zero = zero;
      options.bit_plan = plan_bits(c.model, options, 6);
      quantize_model(c.model, options);
      std::uint64_t bytes = 0;
      if (format == Format::gguf) {
        const GgufFile file(options.output / "model.gguf");
        for (const auto& tensor : file.tensors())
          if (tensor.name.starts_with("blk.") && !holds(tensor.name, "norm"))
            bytes += tensor.bytes.size();
      } else {
        const SafetensorsFile file(options.output / "model.safetensors");
        for (const auto& tensor : file.tensors())
          if (holds(tensor.name, "_proj.")) bytes += tensor.bytes.size();
      }
      CHECK(bytes == options.bit_plan->bytes());
    }
}

TEST_CASE("plans that do not fit are refused") {
  const FairCase c;
  auto options = c.options("out");
  LayerOverride entry;
  entry.pattern = "down_proj";
  entry.bits = 8;
  options.overrides = {entry};
  CHECK(holds(message_of<InvalidArgument>([&] { plan_bits(c.model, options, 5); }), "down_proj"));
  options.overrides.clear();
  CHECK_THROWS_AS(plan_bits(c.model, options, -1), InvalidArgument);
  auto differences = c.fair("out");
  differences.fairness.statistic = ProbeStatistic::second_moments;
  CHECK(holds(message_of<InvalidArgument>([&] { plan_bits(c.model, differences, 5); }),
              "second_moments"));
  options.bit_plan = plan_bits(c.model, options, 5);
  auto missing = options;
  missing.bit_plan->groups.pop_back();
  CHECK(holds(message_of<InvalidArgument>([&] { plan_layers(c.model, missing); }), "down_proj"));
  options.bit_plan->groups[0].layers[0] += "x";
  CHECK_THROWS_AS(plan_layers(c.model, options), InvalidArgument);
}

TEST_CASE("an ignored layer is in no plan, and an interrupted plan leaves an empty folder") {
  const FairCase c;
  auto options = c.options("out");
  LayerOverride entry;
  entry.pattern = "o_proj";
  entry.ignore = true;
  options.overrides = {entry};
  const BitPlan plan = plan_bits(c.model, options, 5);
  CHECK(plan.groups.size() == 6);
  CHECK_FALSE(plan.bits_of("model.layers.0.self_attn.o_proj"));
  std::size_t seen = 0;
  CHECK_THROWS_AS(plan_bits(c.model, options, 5, [&](const Progress&) { return ++seen < 3; }),
                  Interrupted);
  CHECK((!fs::exists(options.output) || fs::is_empty(options.output)));
}

}  // namespace
}  // namespace libquant
