#include "libquant/pipeline/sweep_model.h"

#include <fmt/format.h>

#include <set>

#include "tests/support/catch.h"
#include "tests/unit/pipeline/pipeline_case.h"

namespace libquant {
namespace {

using testing::holds;
using testing::PipelineCase;
using testing::read_file;
using testing::write_file;

/// A tiny 8-bit model, a few questions, and a sweep of it that looks at full answers.
struct SweepCase {
  PipelineCase pipeline;
  std::filesystem::path model;
  SweepRequest request;

  SweepCase() {
    QuantizeOptions source = pipeline.options("source");
    source.layer.scheme.bits = 8;
    source.formats = {Format::compressed_tensors};
    quantize_model(pipeline.model, source);
    model = source.output;
    std::string lines;
    for (int i = 0; i < 8; ++i)
      lines += fmt::format(
          "{{\"question\": \"who {}\", \"condition\": \"ambiguous\", \"template\": \"t{}\", "
          "\"options\": [{{\"text\": \"she\", \"role\": \"stereotype\"}}, {{\"text\": \"he\", "
          "\"role\": \"anti\"}}, {{\"text\": \"not known\", \"role\": \"unknown\"}}], \"correct\": "
          "2}}\n",
          i, i / 2);
    write_file(pipeline.folder / "items.jsonl", lines);
    request.audit.probes = {pipeline.folder / "items.jsonl"};
    request.audit.scoring.letters = false;
    request.audit.audit.slices.resamples = 20;
    request.audit.output = pipeline.folder / "sweep";
    request.bits = {8, 3};
    request.quantize.layer.scheme.group_size = 32;
  }

  /// The widths that a run quantizes to.
  std::set<std::string> quantized() const {
    std::set<std::string> levels;
    sweep_model(model, request, [&](const Progress& progress) {
      if (holds(std::string(progress.stage), "quantizing")) levels.emplace(progress.stage);
      return true;
    });
    return levels;
  }
};

TEST_CASE(
    "a resumed sweep quantizes only where scores are missing, and ends with the same figures") {
  SweepCase c;
  CHECK(c.quantized() == std::set<std::string>{"quantizing to 3 bits", "quantizing to 8 bits"});
  const auto report = [&] { return Json::parse_file(c.request.audit.output / "report.json"); };
  const auto figures = [&](std::size_t model) {
    return report().at("models").as_array("models")[model].at("all");
  };
  const Json eight = figures(0), three = figures(1);

  c.request.audit.resume = true;
  CHECK(c.quantized().empty());
  CHECK(figures(0) == eight);
  CHECK(figures(1) == three);
  const Json model = report().at("models").as_array("models")[1];
  CHECK(model.at("method").as_string("method") == "rtn");
  CHECK(model.at("bits").as_double("bits") == 3);
  CHECK(model.at("bytes").as_double("bytes") > 0);

  const auto scores = c.request.audit.output / "scores" / "rtn-3bit.jsonl";
  const std::string text = read_file(scores);
  write_file(scores, text.substr(0, text.size() - 5));
  CHECK(c.quantized() == std::set<std::string>{"quantizing to 3 bits"});
  CHECK(figures(0) == eight);
}

TEST_CASE("a resumed sweep with another grid is refused") {
  SweepCase c;
  sweep_model(c.model, c.request);
  c.request.audit.resume = true;
  c.request.quantize.layer.scheme.zero = ZeroKind::asymmetric;
  CHECK(holds(testing::message_of<InvalidArgument>([&] { sweep_model(c.model, c.request); }),
              "model_hash"));
}

}  // namespace
}  // namespace libquant
