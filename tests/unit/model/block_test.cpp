#include "libquant/model/block.h"

#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/model/model.h"
#include "tests/support/catch.h"
#include "tests/support/memory_source.h"

namespace libquant {
namespace {

using testing::MemorySource;

ModelConfig config_with_everything() {
  ModelConfig config = testing::tiny_config();
  config.family = "qwen3";
  config.attention_bias = config.output_bias = config.mlp_bias = config.qk_norm = true;
  return config;
}

TEST_CASE("a wrong tensor is refused by name", "[model]") {
  using Change = std::function<void(MemorySource&)>;
  const std::string block = "model.layers.1.";
  const auto resized = [](const std::string& name, std::size_t rows, std::size_t cols) {
    return std::pair<std::string, Change>(
        name, [=](MemorySource& source) { source.tensors.at(name) = Matrix(rows, cols); });
  };
  const auto missing = [](const std::string& name) {
    return std::pair<std::string, Change>(
        name, [=](MemorySource& source) { source.tensors.erase(name); });
  };
  const auto poisoned = [](const std::string& name, float value) {
    return std::pair<std::string, Change>(name, [=](MemorySource& source) {
      Matrix& tensor = source.tensors.at(name);
      tensor.data()[tensor.size() - 1] = value;
    });
  };
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<std::pair<std::string, Change>> changes{
      resized("model.embed_tokens.weight", 40, 32),
      resized("lm_head.weight", 41, 31),
      resized("model.norm.weight", 1, 33),
      resized(block + "input_layernorm.weight", 2, 32),
      resized(block + "self_attn.q_norm.weight", 1, 32),
      resized(block + "self_attn.q_proj.weight", 32, 31),
      resized(block + "self_attn.k_proj.weight", 32, 32),
      resized(block + "self_attn.o_proj.weight", 16, 32),
      resized(block + "mlp.down_proj.weight", 48, 32),
      resized(block + "self_attn.v_proj.bias", 1, 32),
      missing(block + "mlp.up_proj.weight"),
      missing(block + "mlp.up_proj.bias"),
      missing("lm_head.weight"),
      missing("model.norm.weight"),
      poisoned(block + "mlp.gate_proj.weight", std::numeric_limits<float>::quiet_NaN()),
      poisoned(block + "post_attention_layernorm.weight", kInfinity),
      poisoned("model.embed_tokens.weight", -kInfinity),
  };
  REQUIRE_NOTHROW(Model(MemorySource(config_with_everything())));
  for (const auto& [name, change] : changes) {
    MemorySource source(config_with_everything());
    change(source);
    INFO(name);
    std::string message = "loaded";
    try {
      Model model(source);
    } catch (const FormatError& error) {
      message = error.what();
    }
    CHECK_THAT(message, libquant::testing::contains_text(name));
  }
}

TEST_CASE("the message for a wrong shape says what was expected and what was found", "[model]") {
  MemorySource source(testing::tiny_config());
  source.tensors.at("model.layers.0.mlp.down_proj.weight") = Matrix(48, 32);
  CHECK_THROWS_WITH(load_block(source, 0),
                    "model.layers.0.mlp.down_proj.weight: the config asks for 32 x 48, the file "
                    "holds 48 x 32");
}

TEST_CASE("a bias that the config does not have is refused, not dropped", "[model]") {
  MemorySource source(testing::tiny_config());
  source.add("model.layers.0.self_attn.q_proj.bias", 1, 32);
  CHECK_THROWS_AS(load_block(source, 0), FormatError);
  CHECK_NOTHROW(load_block(source, 1));
  CHECK_THROWS_AS(load_block(source, 2), InvalidArgument);
}

TEST_CASE("the six stages of a block in order are its forward pass", "[model]") {
  const ModelConfig config = config_with_everything();
  const MemorySource source(config);
  const BlockWeights block = load_block(source, 0);
  const RopeTable rope(config, 32);
  const BlockStages stages(config, rope);
  const std::vector<std::size_t> lengths{5, 1, 9};
  Matrix whole = embed_tokens(source, testing::random_tokens(15, config.vocabulary_size, 1));
  Matrix staged = whole.clone();
  stages.forward(block, whole, lengths, 0, {});
  Matrix context(15, block[LinearRole::o].inputs()), inner(15, block[LinearRole::down].inputs());
  stages.attention_context(block, stages.attention_input(block, staged), lengths, 0, {}, context);
  stages.attention_output(block, context, staged);
  stages.mlp_inner(block, stages.mlp_input(block, staged), inner);
  stages.mlp_output(block, inner, staged);
  CHECK(std::memcmp(whole.data(), staged.data(), whole.size() * sizeof(float)) == 0);
}

TEST_CASE("a linear layer adds its bias, and its result on request to what is there", "[model]") {
  Linear linear{Matrix(2, 3), {10, 20}};
  for (std::size_t i = 0; i < 6; ++i) linear.weight.data()[i] = static_cast<float>(i);
  Matrix x(1, 3), y(1, 2);
  x(0, 0) = 1, x(0, 1) = 2, x(0, 2) = 4;
  linear.apply(x, y);
  CHECK(y(0, 0) == 20.0f);  // 0 + 2 + 8 + 10
  CHECK(y(0, 1) == 51.0f);  // 3 + 8 + 20 + 20
  linear.apply(x, y, true);
  CHECK(y(0, 0) == 40.0f);
  CHECK(y(0, 1) == 102.0f);
}

TEST_CASE("names of linear layers are Hugging Face's", "[model]") {
  CHECK(linear_name(3, LinearRole::q) == "model.layers.3.self_attn.q_proj");
  CHECK(linear_name(0, LinearRole::down) == "model.layers.0.mlp.down_proj");
  CHECK(to_string(LinearRole::gate) == "mlp.gate_proj");
}

TEST_CASE("embedding rows come straight from the source", "[model]") {
  const MemorySource source(testing::tiny_config());
  const std::vector<std::int32_t> tokens{7, 0, 40};
  const Matrix rows = embed_tokens(source, tokens);
  for (std::size_t t = 0; t < tokens.size(); ++t)
    for (std::size_t c = 0; c < rows.cols(); ++c)
      REQUIRE(rows(t, c) == source.tensors.at("model.embed_tokens.weight")(
                                static_cast<std::size_t>(tokens[t]), c));
  for (const std::int32_t outside : {-1, 41})
    CHECK_THROWS_AS(embed_tokens(source, std::vector<std::int32_t>{outside}), InvalidArgument);
}

}  // namespace
}  // namespace libquant
