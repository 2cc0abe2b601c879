#include "libquant/model/config.h"

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/model/family.h"
#include "tests/support/catch.h"
#include "tests/support/memory_source.h"

namespace libquant {
namespace {

using testing::tiny_config;
using Scaling = RopeConfig::Scaling;

std::string message_of(const ModelConfig& config) {
  try {
    check_config(config);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "accepted";
}

TEST_CASE("a config is refused with the name of the field that is wrong", "[model]") {
  using Change = std::function<void(ModelConfig&)>;
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::pair<std::string, Change>> changes{
      {"family", [](ModelConfig& c) { c.family = "gpt2"; }},
      {"vocab_size", [](ModelConfig& c) { c.vocabulary_size = 0; }},
      {"vocab_size", [](ModelConfig& c) { c.vocabulary_size = std::size_t{1} << 31; }},
      {"hidden_size", [](ModelConfig& c) { c.hidden_size = 0; }},
      {"hidden_size", [](ModelConfig& c) { c.hidden_size = std::size_t{1} << 40; }},
      {"intermediate_size", [](ModelConfig& c) { c.intermediate_size = 0; }},
      {"num_hidden_layers", [](ModelConfig& c) { c.layers = 0; }},
      {"num_hidden_layers", [](ModelConfig& c) { c.layers = 1000000; }},
      {"num_attention_heads", [](ModelConfig& c) { c.heads = 0; }},
      {"num_key_value_heads", [](ModelConfig& c) { c.kv_heads = 0; }},
      {"num_key_value_heads", [](ModelConfig& c) { c.kv_heads = 3; }},
      {"num_key_value_heads", [](ModelConfig& c) { c.kv_heads = 8; }},
      {"head_dim", [](ModelConfig& c) { c.head_dim = 7; }},
      {"head_dim", [](ModelConfig& c) { c.head_dim = 0; }},
      {"wider", [](ModelConfig& c) { c.heads = 1024, c.head_dim = 2048; }},
      {"max_position_embeddings", [](ModelConfig& c) { c.max_positions = 0; }},
      {"rms_norm_eps", [](ModelConfig& c) { c.rms_epsilon = 0; }},
      {"rms_norm_eps", [=](ModelConfig& c) { c.rms_epsilon = kNan; }},
      {"theta", [](ModelConfig& c) { c.rope.theta = -1; }},
      {"theta", [=](ModelConfig& c) { c.rope.theta = kNan; }},
      {"finite frequencies", [](ModelConfig& c) { c.rope.theta = 1e-300; }},
      {"factor", [](ModelConfig& c) { c.rope.scaling = Scaling::linear, c.rope.factor = 0; }},
      {"factor", [](ModelConfig& c) { c.rope.scaling = Scaling::dynamic, c.rope.factor = 0.5; }},
      {"factor", [](ModelConfig& c) { c.rope.scaling = Scaling::yarn, c.rope.factor = -2; }},
      {"low_freq_factor",
       [](ModelConfig& c) { c.rope.scaling = Scaling::llama3, c.rope.low_frequency_factor = 4; }},
      {"beta_fast", [](ModelConfig& c) { c.rope.scaling = Scaling::yarn, c.rope.beta_fast = 0; }},
      {"mscale", [](ModelConfig& c) { c.rope.scaling = Scaling::yarn, c.rope.mscale = -1; }},
      {"attention_factor", [](ModelConfig& c) { c.rope.attention_factor = -1; }},
      {"short_factor", [](ModelConfig& c) { c.rope.scaling = Scaling::longrope; }},
      {"long_factor",
       [](ModelConfig& c) {
         c.rope.scaling = Scaling::longrope;
         c.rope.short_factors = {1, 1, 1, 1};
         c.rope.long_factors = {1, 1, 0, 1};
       }},
      {"frequency factors",
       [](ModelConfig& c) {
         c.rope.frequency_factors = {1, 2, 3};
       }},
  };
  REQUIRE(message_of(tiny_config()) == "accepted");
  for (const auto& [field, change] : changes) {
    ModelConfig config = tiny_config();
    change(config);
    INFO("expected a complaint about " << field);
    CHECK_THAT(message_of(config), libquant::testing::contains_text(field));
  }
}

TEST_CASE("yarn and dynamic scaling lengthen the longest sequence, the other kinds do not",
          "[model]") {
  ModelConfig config = tiny_config();
  config.rope.factor = 4;
  for (const auto& [scaling, original, expected] :
       std::vector<std::tuple<Scaling, std::size_t, std::size_t>>{{Scaling::none, 0, 128},
                                                                  {Scaling::linear, 0, 128},
                                                                  {Scaling::llama3, 64, 128},
                                                                  {Scaling::dynamic, 0, 512},
                                                                  {Scaling::yarn, 0, 512},
                                                                  {Scaling::yarn, 128, 512},
                                                                  {Scaling::yarn, 16, 128}}) {
    config.rope.scaling = scaling;
    config.rope.original_max_positions = original;
    CHECK(longest_sequence(config) == expected);
  }
}

TEST_CASE("families are found by every name that a file may use", "[model]") {
  REQUIRE(families().size() == 4);
  for (const Family* family : families()) {
    CHECK(family_named(family->name) == family);
    CHECK(family_of_hf_architecture(family->hf_architecture) == family);
  }
  CHECK(family_of_gguf_architecture("llama") == family_named("llama"));
  CHECK(family_of_gguf_architecture("qwen3") == family_named("qwen3"));
  CHECK(family_of_hf_architecture("GPT2LMHeadModel") == nullptr);
  CHECK(family_named("") == nullptr);
}

}  // namespace
}  // namespace libquant
