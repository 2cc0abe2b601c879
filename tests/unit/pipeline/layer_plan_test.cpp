#include "libquant/pipeline/layer_plan.h"

#include "libquant/core/error.h"
#include "tests/support/catch.h"
#include "tests/unit/pipeline/pipeline_case.h"

namespace libquant {
namespace {

using testing::holds;
using testing::message_of;
using testing::PipelineCase;

const PlannedLayer& layer(const LayerPlan& plan, std::size_t block, LinearRole role) {
  return plan.block(block)[static_cast<std::size_t>(role)];
}

LayerOverride override_for(std::string pattern) {
  LayerOverride made;
  made.pattern = std::move(pattern);
  return made;
}

TEST_CASE("every linear layer is planned, by block and in true-sequential order") {
  const PipelineCase c;
  const LayerPlan plan = plan_layers(c.model, c.options("out"));
  REQUIRE(plan.layers.size() == 14);
  CHECK(plan.quantized() == 14);
  CHECK(plan.layers[0].name == "model.layers.0.self_attn.q_proj");
  CHECK(plan.layers[13].name == "model.layers.1.mlp.down_proj");
  CHECK(layer(plan, 1, LinearRole::down).rows == 64);
  CHECK(layer(plan, 1, LinearRole::down).cols == 96);
}

TEST_CASE("an override changes the layers its pattern matches, and later ones win") {
  const PipelineCase c;
  auto options = c.options("out");
  auto first = override_for("down_proj");
  first.bits = 8;
  first.damping = 0.5;
  auto second = override_for(R"(layers\.1\.mlp)");
  second.bits = 3;
  options.formats = {Format::safetensors};
  options.overrides = {first, second};
  const LayerPlan plan = plan_layers(c.model, options);
  CHECK(layer(plan, 0, LinearRole::down).options.scheme.bits == 8);
  CHECK(layer(plan, 0, LinearRole::down).options.damping == 0.5);
  CHECK(layer(plan, 1, LinearRole::down).options.scheme.bits == 3);
  CHECK(layer(plan, 1, LinearRole::down).options.damping == 0.5);
  CHECK(layer(plan, 1, LinearRole::up).options.scheme.bits == 3);
  CHECK(layer(plan, 0, LinearRole::up).options.scheme.bits == 4);
}

TEST_CASE("ignored layers stay dense and are listed") {
  const PipelineCase c;
  auto options = c.options("out");
  options.overrides = {override_for("o_proj")};
  options.overrides[0].ignore = true;
  const LayerPlan plan = plan_layers(c.model, options);
  CHECK(plan.quantized() == 12);
  CHECK(plan.ignored() == std::vector<std::string>{"model.layers.0.self_attn.o_proj",
                                                   "model.layers.1.self_attn.o_proj"});
}

TEST_CASE("a pattern that matches no layer is an error that names it") {
  const PipelineCase c;
  auto options = c.options("out");
  options.overrides = {override_for("dwon_proj")};
  options.overrides[0].bits = 8;
  CHECK(holds(message_of<InvalidArgument>([&] { plan_layers(c.model, options); }), "dwon_proj"));
}

TEST_CASE("ignoring lm_head, which is never quantized, is no error") {
  const PipelineCase c;
  auto options = c.options("out");
  options.overrides = {override_for("lm_head")};
  options.overrides[0].ignore = true;
  CHECK(plan_layers(c.model, options).quantized() == 14);
}

TEST_CASE("a pattern that is no regular expression is an error with the place") {
  const PipelineCase c;
  auto options = c.options("out");
  options.overrides = {override_for("down_proj(")};
  CHECK(holds(message_of<InvalidArgument>([&] { plan_layers(c.model, options); }), "character 10"));
}

TEST_CASE("ignoring every layer is an error") {
  const PipelineCase c;
  auto options = c.options("out");
  options.overrides = {override_for("proj")};
  options.overrides[0].ignore = true;
  CHECK_THROWS_AS(plan_layers(c.model, options), InvalidArgument);
}

TEST_CASE("a group that does not divide the columns is an error that names the layer") {
  const PipelineCase c;
  auto options = c.options("out");
  options.layer.scheme.group_size = 64;
  const auto message = message_of<InvalidArgument>([&] { plan_layers(c.model, options); });
  CHECK(holds(message, "model.layers.0.mlp.down_proj"));
  CHECK(holds(message, "96 columns"));
}

TEST_CASE("a group fallback is used where needed and counted") {
  const PipelineCase c;
  auto options = c.options("out");
  options.layer.scheme.group_size = 64;
  options.group_fallback = 32;
  const LayerPlan plan = plan_layers(c.model, options);
  CHECK(plan.group_fallbacks() == 2);
  CHECK(layer(plan, 0, LinearRole::down).options.scheme.group_size == 32);
  CHECK(layer(plan, 0, LinearRole::down).group_fallback);
  CHECK(layer(plan, 0, LinearRole::up).options.scheme.group_size == 64);

  options.group_fallback = 128;
  CHECK_THROWS_AS(plan_layers(c.model, options), InvalidArgument);
  options.group_fallback = 0;
  CHECK(layer(plan_layers(c.model, options), 0, LinearRole::down).options.scheme.group_size == 0);
}

TEST_CASE("a format that cannot hold a scheme is refused, naming those that can") {
  const PipelineCase c;
  auto options = c.options("out");
  options.layer.scheme.bits = 3;
  options.formats = {Format::gguf};
  const auto message = message_of<NotSupported>([&] { plan_layers(c.model, options); });
  CHECK(holds(message, "gguf"));
  CHECK(holds(message, "held by compressed-tensors"));
}

TEST_CASE("formats share one scheme that all of them hold, in any order of naming them") {
  const PipelineCase c;
  auto options = c.options("out");
  options.write.dense_type = DType::bf16;
  options.formats = {Format::compressed_tensors};
  const auto scale_type = [&] {
    return layer(plan_layers(c.model, options), 0, LinearRole::q).options.scheme.scale_type;
  };
  CHECK(scale_type() == ScaleType::bf16);
  options.formats = {Format::compressed_tensors, Format::gguf};
  CHECK(scale_type() == ScaleType::f16);
  options.formats = {Format::gguf, Format::compressed_tensors};
  CHECK(scale_type() == ScaleType::f16);
}

}  // namespace
}  // namespace libquant
