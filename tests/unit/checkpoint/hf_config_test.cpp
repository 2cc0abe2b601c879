#include "libquant/checkpoint/hf_config.h"

#include <cmath>

#include "libquant/checkpoint/rope_factors.h"
#include "tests/support/coded_checkpoint.h"
#include "tests/support/edit_folder.h"
#include "tests/support/family_case.h"
#include "tests/support/paths.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

Json base_config() { return config_to_json(export_config(), tiny_tokenizer(), DType::bf16); }

Json with(Json json, std::string_view key, Json value) {
  json.set(key, std::move(value));
  return json;
}

ModelConfig read(const Json& json) { return config_from_json(json, "config.json"); }

template <typename E = FormatError>
void check_refused(const Json& json, const std::vector<std::string>& mentions) {
  check_mentions(message_of<E>([&] { read(json); }), mentions);
}

}  // namespace

TEST_CASE("config.json of transformers 5 and of earlier versions give the same config",
          "[checkpoint]") {
  for (const std::string& name : family_case_names()) {
    const std::string stem = test_folder() + "/golden/configs/" + name;
    if (name == "llama_frequency_factors") continue;  // no config.json has them
    INFO(name);
    const ModelConfig expected = read_family_case(name).config;
    CHECK(config_from_json(Json::parse_file(stem + ".json"), name) == expected);
    CHECK(config_from_json(Json::parse_file(stem + ".legacy.json"), name) == expected);
  }
}

TEST_CASE("a written config.json reads back as the config it was made from", "[checkpoint]") {
  for (const std::string& name : family_case_names()) {
    if (name == "llama_frequency_factors") continue;
    INFO(name);
    const ModelConfig config = read_family_case(name).config;
    CHECK(read(config_to_json(config, tiny_tokenizer(), DType::f32)) == config);
  }
}

TEST_CASE("an unknown architecture is refused with the known ones named", "[checkpoint]") {
  check_refused<NotSupported>(
      with(base_config(), "architectures", Json::Array{Json("MambaForCausalLM")}),
      {"config.json: architectures", "MambaForCausalLM", "LlamaForCausalLM", "MistralForCausalLM",
       "Qwen2ForCausalLM", "Qwen3ForCausalLM"});
  check_refused<NotSupported>(with(without(base_config(), "architectures"), "model_type", "mamba"),
                              {"mamba"});
  check_refused(without(without(base_config(), "architectures"), "model_type"),
                {"architectures is missing"});
  CHECK(read(without(base_config(), "architectures")) == export_config());
}

TEST_CASE("every size that a model needs is missed by name", "[checkpoint]") {
  for (const char* key : {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                          "num_attention_heads", "max_position_embeddings"}) {
    INFO(key);
    check_refused(without(base_config(), key), {"config.json", key, "missing"});
    check_refused(with(base_config(), key, nullptr), {key, "missing"});
    check_refused(with(base_config(), key, -3), {key, "-3"});
    check_refused(with(base_config(), key, 0), {key, "0"});
    check_refused(with(base_config(), key, std::int64_t{1} << 40), {key, "1099511627776"});
    check_refused(with(base_config(), key, "many"), {key});
    check_refused(with(base_config(), key, 1.5), {key});
  }
}

TEST_CASE("sizes that contradict each other are refused", "[checkpoint]") {
  check_refused(with(base_config(), "num_key_value_heads", 3), {"num_key_value_heads", "3"});
  check_refused(with(without(base_config(), "head_dim"), "num_attention_heads", 3),
                {"hidden_size", "head_dim is absent"});
  check_refused(with(base_config(), "head_dim", 63), {"head_dim", "63"});
  check_refused(with(base_config(), "rms_norm_eps", -1), {"rms_norm_eps"});
  check_refused(with(base_config(), "rope_theta", 0), {"rope_theta"});
  check_refused(with(base_config(), "tie_word_embeddings", 1), {"tie_word_embeddings"});
  CHECK_THROWS_AS(read(Json::Array{}), FormatError);
}

TEST_CASE("absent keys take the defaults of transformers where those are safe", "[checkpoint]") {
  Json json = base_config();
  for (const char* key : {"num_key_value_heads", "head_dim", "rms_norm_eps", "rope_theta",
                          "rope_scaling", "tie_word_embeddings", "attention_bias", "mlp_bias"})
    json = without(json, key);
  const ModelConfig config = read(json);
  CHECK(config.kv_heads == config.heads);
  CHECK(config.head_dim == 64);
  CHECK(config.rms_epsilon == 1e-6);
  CHECK(config.rope == RopeConfig());
  CHECK_FALSE(config.tied_embeddings);
  // Mistral's class default is 8 whatever the number of heads: guessing would be silent.
  check_refused(with(json, "architectures", Json::Array{Json("MistralForCausalLM")}),
                {"num_key_value_heads is missing"});
  const Json qwen3 =
      without(config_to_json(export_config("qwen3"), tiny_tokenizer(), DType::f32), "head_dim");
  CHECK(read(qwen3).head_dim == 128);
}

TEST_CASE("a bias that transformers takes from no key of the family is not taken from one",
          "[checkpoint]") {
  for (const char* family : {"llama", "mistral", "qwen2", "qwen3"}) {
    CAPTURE(family);
    const ModelConfig config = export_config(family);
    const Json json = config_to_json(config, tiny_tokenizer(), DType::f32);
    const bool llama = config.family == "llama";
    CHECK(read(with(json, "mlp_bias", true)).mlp_bias == llama);
    const bool reads = llama || config.family == "qwen3";
    const ModelConfig flipped = read(with(json, "attention_bias", !config.attention_bias));
    CHECK((flipped.attention_bias != config.attention_bias) == reads);
    ModelConfig other = config;
    other.output_bias = !other.output_bias;
    CHECK_THROWS_AS(config_to_json(other, tiny_tokenizer(), DType::f32), NotSupported);
  }
}

TEST_CASE("what libquant does not compute is refused by name", "[checkpoint]") {
  check_refused<NotSupported>(with(base_config(), "hidden_act", "gelu"), {"hidden_act", "gelu"});
  check_refused<NotSupported>(with(base_config(), "partial_rotary_factor", 0.5),
                              {"partial_rotary_factor", "0.5"});
  const auto rope = [](const char* text) {
    return with(base_config(), "rope_scaling", Json::parse(text, "test"));
  };
  check_refused<NotSupported>(rope(R"({"type": "mrope", "mrope_section": [8, 8]})"), {"mrope"});
  check_refused<NotSupported>(rope(R"({"full_attention": {"rope_type": "default"}})"),
                              {"differ between layers"});
  check_refused(rope(R"({"rope_type": "linear"})"), {"rope_scaling: factor is missing"});
  check_refused(rope(R"({"rope_type": "linear", "factor": -2})"), {"factor is -2"});
  check_refused(rope(R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 4,
                         "high_freq_factor": 1, "original_max_position_embeddings": 64})"),
                {"low_freq_factor is 4", "0 < low < high"});
  check_refused(rope(R"({"rope_type": "longrope", "factor": 2, "long_factor": [1]})"),
                {"short_factor is missing"});
  check_refused(rope(R"({"rope_type": "longrope", "factor": 2, "long_factor": [1],
                         "short_factor": [1, "x"]})"),
                {"short_factor"});
}

TEST_CASE("windows of some layers only are read from layer_types and max_window_layers",
          "[checkpoint]") {
  ModelConfig config = export_config("qwen2");
  config.layers = 4;
  config.sliding_window = 16;
  config.first_sliding_layer = 2;
  const Json json = config_to_json(config, tiny_tokenizer(), DType::f32);
  CHECK(read(json) == config);
  const auto types = [&](std::initializer_list<const char*> names) {
    Json::Array list;
    for (const char* name : names) list.emplace_back(name);
    return with(without(json, "max_window_layers"), "layer_types", list);
  };
  const char *full = "full_attention", *slides = "sliding_attention";
  CHECK(read(types({full, full, slides, slides})) == config);
  CHECK(read(types({full, full, full, full})).sliding_window == 0);
  CHECK(read(with(json, "use_sliding_window", false)).sliding_window == 0);
  check_refused<NotSupported>(types({full, slides, full, slides}), {"layer 2", "full attention"});
  check_refused<NotSupported>(types({full, full, slides, "linear_attention"}),
                              {"linear_attention"});
  check_refused(types({full, full}), {"2 entries", "num_hidden_layers is 4"});
}

TEST_CASE("llama3 scaling becomes GGUF's factors and is recognised again", "[checkpoint]") {
  ModelConfig config = export_config();
  config.head_dim = 128;
  config.max_positions = 131072;
  config.rope.theta = 500000;
  config.rope.scaling = RopeConfig::Scaling::llama3;
  config.rope.factor = 32;
  config.rope.original_max_positions = 8192;
  const std::vector<double> factors = llama3_factors(config);
  // Wavelengths 2 pi theta^(i / 64): up to 2048 tokens nothing changes (i <= 28), beyond 8192
  // (i >= 35) everything is divided by 32.
  CHECK(factors.size() == 64);
  CHECK(factors[28] == 1);
  CHECK(factors[29] > 1);
  CHECK(factors[34] < 32);
  CHECK(factors[35] == 32);
  ModelConfig gguf = config;
  gguf.rope = RopeConfig();
  gguf.rope.theta = 500000;
  for (const double factor : factors)
    gguf.rope.frequency_factors.push_back(static_cast<float>(factor));
  CHECK(llama3_from_factors(gguf) == config.rope);
  gguf.rope.frequency_factors[30] *= 1.01;
  CHECK_THROWS_AS(llama3_from_factors(gguf), NotSupported);
}
