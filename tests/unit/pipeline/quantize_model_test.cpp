#include "libquant/pipeline/quantize_model.h"

#include <cmath>
#include <limits>

#include "libquant/core/error.h"
#include "libquant/io/atomic_file.h"
#include "libquant/model/model.h"
#include "libquant/pipeline/work_folder.h"
#include "libquant/scoring/evaluate.h"
#include "tests/support/catch.h"
#include "tests/support/thread_count.h"
#include "tests/unit/pipeline/pipeline_case.h"

namespace libquant {
namespace {

using testing::contents;
using testing::holds;
using testing::message_of;
using testing::PipelineCase;
using testing::read_file;
using testing::write_file;

LayerOverride ignored(std::string pattern) {
  LayerOverride made;
  made.pattern = std::move(pattern);
  made.ignore = true;
  return made;
}

TEST_CASE("a quantized model is written, and loads with the codes that were reported") {
  const PipelineCase c;
  const auto report = quantize_model(c.model, c.options("out"));
  REQUIRE(report.layers.size() == 14);
  CHECK(report.calibration_tokens == 288);
  CHECK(report.calibration_tokens_available == 4000);
  CHECK(report.quantized_weights == 2 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 64 * 96));
  CHECK(report.bits_per_weight == 4.5);
  CHECK(report.source_type == "F32");
  CHECK(report.peak_anonymous_bytes > 0);
  const auto written = open_checkpoint(c.folder / "out");
  const auto info = written->info("model.layers.1.mlp.down_proj.weight");
  CHECK(info.quantized);
  CHECK(report.files.size() >= 3);
  for (const auto& file : report.files) CHECK(std::filesystem::exists(c.folder / "out" / file));
  CHECK_FALSE(std::filesystem::exists(c.folder / "out" / ".libquant-work"));
}

TEST_CASE("GPTQ's error is below round-to-nearest's on every layer, and both are under H") {
  const PipelineCase c;
  for (const auto& layer : quantize_model(c.model, c.options("out")).layers) {
    INFO(layer.name);
    CHECK(layer.report.error > 0);
    CHECK(layer.report.error < layer.report.rtn_error);
    CHECK(layer.report.tokens == 288);
    CHECK(layer.report.fallback.empty());
    CHECK(layer.report.damping > 0);
  }
}

TEST_CASE("round-to-nearest needs no calibration and reads none") {
  const PipelineCase c;
  auto options = c.options("out");
  options.layer.method = Method::rtn;
  options.calibration.texts.clear();
  const auto report = quantize_model(c.model, options);
  CHECK(report.calibration_tokens == 0);
  CHECK(report.floor_flops == 0);
  for (const auto& layer : report.layers) CHECK(layer.report.error == layer.report.rtn_error);
}

TEST_CASE("later layers see what earlier ones became: q, k, v do not, o does") {
  const PipelineCase c;
  const auto both = quantize_model(c.model, c.options("both"));
  auto options = c.options("some");
  options.overrides = {ignored("layers\\.0\\.self_attn\\.[qkv]_proj")};
  const auto some = quantize_model(c.model, options);
  const auto error = [](const QuantizeReport& report, const std::string& name) {
    for (const auto& layer : report.layers)
      if (layer.name == name) return layer.report.rtn_error;
    return std::numeric_limits<double>::quiet_NaN();
  };
  CHECK(error(both, "model.layers.0.self_attn.o_proj") !=
        error(some, "model.layers.0.self_attn.o_proj"));
  CHECK(std::isnan(error(some, "model.layers.0.self_attn.q_proj")));
  CHECK(some.ignored.size() == 3);
}

TEST_CASE("the same bytes at any thread count, in every format") {
  const PipelineCase c;
  std::map<std::string, std::string> first;
  for (const int threads : {1, 2, 3, 5}) {
    const test_support::ThreadCount guard(threads);
    auto options = c.options("out" + std::to_string(threads));
    options.formats = {Format::gptq, Format::gguf, Format::safetensors};
    quantize_model(c.model, options);
    const auto files = contents(options.output);
    CHECK(files.contains("gguf/model.gguf"));
    if (first.empty()) first = files;
    CHECK(files == first);
  }
}

TEST_CASE("ignored layers are dense in the result, fallback groups are counted") {
  const PipelineCase c;
  auto options = c.options("out");
  options.layer.scheme.group_size = 64;
  options.group_fallback = 32;
  options.overrides = {ignored("o_proj")};
  const auto report = quantize_model(c.model, options);
  CHECK(report.layers.size() == 12);
  CHECK(report.group_fallbacks == 2);
  const auto written = open_checkpoint(options.output);
  CHECK_FALSE(written->info("model.layers.0.self_attn.o_proj.weight").quantized);
  CHECK(written->quantized("model.layers.0.mlp.down_proj.weight")->scheme.group_size == 32);
  CHECK(written->quantized("model.layers.0.mlp.up_proj.weight")->scheme.group_size == 64);
}

TEST_CASE("weights that are not finite are an error that names the tensor") {
  for (const std::string name : {"model.layers.1.mlp.up_proj.weight", "model.embed_tokens.weight",
                                 "model.layers.0.input_layernorm.weight"}) {
    PipelineCase c;
    c.model.weights.tensors.at(name).data()[5] = std::numeric_limits<float>::quiet_NaN();
    const auto message = message_of<Error>([&] { quantize_model(c.model, c.options("out")); });
    CHECK(holds(message, name));
    CHECK_FALSE(std::filesystem::exists(c.folder / "out" / "config.json"));
  }
}

TEST_CASE("activations that are not finite are an error that names the layer") {
  PipelineCase c;
  for (float& value : c.model.weights.tensors.at("model.layers.0.self_attn.o_proj.weight").row(0))
    value = 1e38f;
  auto options = c.options("out");
  options.write.dense_type = DType::f32;
  const auto message = message_of<Error>([&] { quantize_model(c.model, options); });
  CHECK(holds(message, "model.layers.0."));
}

TEST_CASE("layers that fall back are counted against the limit, and the files are written") {
  PipelineCase c;
  // Inputs of q, k, v that are always zero have no second moments to solve with, nor has o then.
  for (float& value : c.model.weights.tensors.at("model.layers.0.input_layernorm.weight").row(0))
    value = 0;
  auto options = c.options("out");
  const auto report = quantize_model(c.model, options);
  CHECK(report.method_fallbacks == 4);
  CHECK(report.too_many_fallbacks());
  CHECK(std::filesystem::exists(options.output / "config.json"));
  options.output = c.folder / "again";
  options.max_fallback = 4;
  CHECK_FALSE(quantize_model(c.model, options).too_many_fallbacks());
}

TEST_CASE("the report on disk reads back as the one returned") {
  const PipelineCase c;
  const auto report = quantize_model(c.model, c.options("out"));
  const Json kept = Json::parse_file(c.folder / "out" / "quantize_report.json");
  CHECK(to_json(report_from_json(kept)) == to_json(report));
}

TEST_CASE("the plan is known before anything is computed or written") {
  const PipelineCase c;
  const auto plan = plan_quantization(c.model, c.options("out"));
  CHECK(plan.layers == 14);
  CHECK(plan.floor_flops > 0);
  CHECK(plan.expected_peak_bytes > 0);
  CHECK(plan.expected_disk_bytes > 0);
  CHECK_FALSE(std::filesystem::exists(c.folder / "out"));
}

TEST_CASE("impossible options fail before anything is written") {
  const PipelineCase c;
  const auto fails = [&](auto change) {
    auto options = c.options("out");
    change(options);
    CHECK_THROWS_AS(quantize_model(c.model, options), Error);
    CHECK_FALSE(std::filesystem::exists(c.folder / "out"));
  };
  fails([](auto& o) { o.layer.scheme.bits = 7; });
  fails([](auto& o) { o.layer.damping = -1; });
  fails([](auto& o) { o.layer.clip.steps = -1; });
  fails([](auto& o) { o.calibration.window = 129; });
  fails([](auto& o) { o.calibration.windows = 1000; });
  fails([](auto& o) { o.calibration.texts.clear(); });
  fails([](auto& o) { o.formats.clear(); });
  fails([](auto& o) { o.formats = {Format::gguf, Format::gguf}; });
  fails([](auto& o) { o.layer.scheme.zero = ZeroKind::minimum; });
  fails([](auto& o) { o.output.clear(); });
  fails([](auto& o) { o.write.embedding_type = DType::q8_0; });  // blocks are GGUF's
}

TEST_CASE("a model that a format cannot hold is refused before the calibration text is read") {
  const PipelineCase c;
  const auto message = [&](const testing::TinyCheckpoint& model, Format format) {
    auto options = c.options("out");
    options.formats = {format};
    options.write.dense_type = DType::f16;
    options.calibration.texts = {"/nonexistent"};
    try {
      plan_quantization(model, options);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  ModelConfig config = testing::tiny_text_config();
  config.rope.scaling = RopeConfig::Scaling::dynamic;
  config.rope.factor = 2;
  CHECK(message(testing::TinyCheckpoint(config), Format::gguf).find("dynamic") !=
        std::string::npos);
  CHECK(message(testing::TinyCheckpoint(config), Format::gptq).find("nonexistent") !=
        std::string::npos);
  // Factors per frequency that no rope_scaling of config.json gives.
  config = testing::tiny_text_config();
  config.rope.frequency_factors = {1, 5, 2, 3, 9, 4, 7, 8};
  CHECK(message(testing::TinyCheckpoint(config), Format::gptq).find("rope") != std::string::npos);
  CHECK(message(testing::TinyCheckpoint(config), Format::gguf).find("nonexistent") !=
        std::string::npos);
  testing::TinyCheckpoint unnamed;
  unnamed.spec.pre_tokenizers.insert(unnamed.spec.pre_tokenizers.begin(),
                                     TokenizerSpec::Split{.pattern = "[aeiou]"});
  CHECK(message(unnamed, Format::gguf).find("pre-tokenizer name") != std::string::npos);
  CHECK(message(unnamed, Format::gptq).find("nonexistent") != std::string::npos);
}

TEST_CASE("an output folder with other content is refused and left alone") {
  const PipelineCase c;
  std::filesystem::create_directory(c.folder / "out");
  write_file(c.folder / "out" / "thesis.txt", "keep me");
  auto options = c.options("out");
  for (const bool overwrite : {false, true}) {
    options.overwrite = overwrite;
    CHECK_THROWS_AS(quantize_model(c.model, options), InvalidArgument);
  }
  CHECK(read_file(c.folder / "out" / "thesis.txt") == "keep me");
  options.output = c.folder / "text.txt";
  CHECK_THROWS_AS(quantize_model(c.model, options), InvalidArgument);
}

TEST_CASE("an earlier result is replaced only when asked, without leaving its files") {
  const PipelineCase c;
  auto options = c.options("out");
  options.formats = {Format::gptq, Format::gguf};
  quantize_model(c.model, options);
  options.formats = {Format::gguf};
  CHECK(
      holds(message_of<InvalidArgument>([&] { quantize_model(c.model, options); }), "--overwrite"));
  // Nothing but the names of its files is needed of a report that an earlier version wrote.
  const auto report = c.folder / "out" / kReportFile;
  const Json names = Json::parse_file(report).at("files");
  write_file_atomic(report, Json::object({{"files", names}}).dump());
  options.overwrite = true;
  quantize_model(c.model, options);
  const auto files = contents(c.folder / "out");
  CHECK(files.size() == 1);
  CHECK(files.contains("model.gguf"));
}

}  // namespace
}  // namespace libquant
