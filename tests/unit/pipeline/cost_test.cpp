#include "libquant/pipeline/cost.h"

#include <algorithm>

#include "tests/support/catch.h"
#include "tests/unit/pipeline/pipeline_case.h"

namespace libquant {
namespace {

using testing::PipelineCase;

/// The tiny model's layers in `layers` blocks, `factor` times as wide.
struct Grown {
  ModelConfig config;
  LayerPlan plan;

  Grown(const PipelineCase& c, std::size_t layers, std::size_t factor)
      : config(c.model.config()), plan(plan_layers(c.model, c.options("out"))) {
    const auto block = plan.block(0);
    const std::vector<PlannedLayer> one(block.begin(), block.end());
    plan.layers.clear();
    for (std::size_t i = 0; i < layers; ++i)
      plan.layers.insert(plan.layers.end(), one.begin(), one.end());
    for (auto& layer : plan.layers) {
      layer.rows *= factor;
      layer.cols *= factor;
    }
    config.layers = layers;
    config.hidden_size *= factor;
    config.heads *= factor;
    config.kv_heads *= factor;
    config.intermediate_size *= factor;
  }
};

constexpr std::size_t kWindow = 64;

TEST_CASE("small hidden states are written after every block but the last") {
  const Grown model(PipelineCase(), 4, 1);
  CHECK(kept_states(model.config, model.plan, kWindow, kWindow) ==
        std::vector<bool>{true, true, true, false});
  CHECK(kept_states(model.config, model.plan, 0, kWindow) == std::vector<bool>(4, false));
}

TEST_CASE("large hidden states are written as often as a block's work asks for") {
  const PipelineCase c;
  const std::size_t tokens = 1024 * kWindow;  // 16 MB and more
  const auto distance = [&](std::size_t factor) {
    const Grown model(c, 1000, factor);
    const auto kept = kept_states(model.config, model.plan, tokens, kWindow);
    const auto first = std::find(kept.begin(), kept.end(), true);
    REQUIRE(first != kept.end());
    const auto second = std::find(first + 1, kept.end(), true);
    CHECK(first - kept.begin() + 1 == second - first);
    const double flops = static_cast<double>(second - first) *
                         block_flops(model.config, model.plan, 0, tokens, kWindow).forward;
    const double bytes = 4.0 * static_cast<double>(tokens * model.config.hidden_size);
    CHECK(flops / bytes >= 25000);
    return second - first;
  };
  const auto narrow = distance(1), wide = distance(16), widest = distance(128);
  CHECK(narrow > wide);
  CHECK(wide > 1);
  CHECK(widest == 1);
}

}  // namespace
}  // namespace libquant
