#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/model/config.h"
#include "tests/support/paths.h"

namespace libquant::testing {

/// One model of tests/tools/make_families.py with the logits that transformers computes for it.
struct FamilyCase {
  ModelConfig config;
  std::vector<std::int32_t> ids;
  std::vector<std::size_t> positions;
  std::vector<float> logits;  ///< [positions x vocabulary]
};

inline const std::vector<std::string>& family_case_names() {
  static const std::vector<std::string> names{"llama",
                                              "llama_bias_tied",
                                              "llama_multi_query",
                                              "llama_linear",
                                              "llama_dynamic",
                                              "llama_dynamic_short",
                                              "llama_llama3",
                                              "llama_yarn",
                                              "llama_yarn_options",
                                              "llama_yarn_attention",
                                              "llama_longrope",
                                              "llama_longrope_short",
                                              "llama_frequency_factors",
                                              "mistral",
                                              "mistral_window",
                                              "qwen2",
                                              "qwen2_window",
                                              "qwen2_yarn",
                                              "qwen3",
                                              "qwen3_bias"};
  return names;
}

template <typename T>
std::vector<T> read_list(std::istream& line) {
  std::vector<T> values;
  for (T value; line >> value;) values.push_back(value);
  return values;
}

inline RopeConfig::Scaling scaling_named(const std::string& name) {
  using Scaling = RopeConfig::Scaling;
  static const std::map<std::string, Scaling> kinds{
      {"none", Scaling::none},     {"linear", Scaling::linear}, {"dynamic", Scaling::dynamic},
      {"llama3", Scaling::llama3}, {"yarn", Scaling::yarn},     {"longrope", Scaling::longrope}};
  return kinds.at(name);
}

/// Reads `key`'s value into the field it names; false for a key that no field has.
inline bool read_rope_field(const std::string& key, std::istream& line, RopeConfig& rope) {
  const std::map<std::string, double*> numbers{
      {"rope_theta", &rope.theta},
      {"rope_factor", &rope.factor},
      {"rope_low_frequency_factor", &rope.low_frequency_factor},
      {"rope_high_frequency_factor", &rope.high_frequency_factor},
      {"rope_beta_fast", &rope.beta_fast},
      {"rope_beta_slow", &rope.beta_slow},
      {"rope_mscale", &rope.mscale},
      {"rope_mscale_all_dim", &rope.mscale_all_dim},
      {"rope_attention_factor", &rope.attention_factor}};
  const std::map<std::string, std::vector<double>*> lists{
      {"rope_short_factors", &rope.short_factors},
      {"rope_long_factors", &rope.long_factors},
      {"rope_frequency_factors", &rope.frequency_factors}};
  if (const auto number = numbers.find(key); number != numbers.end()) {
    line >> *number->second;
  } else if (const auto list = lists.find(key); list != lists.end()) {
    *list->second = read_list<double>(line);
    if (!list->second->empty()) line.clear();
  } else if (key == "rope_original_max_positions") {
    line >> rope.original_max_positions;
  } else if (key == "rope_truncate") {
    line >> rope.truncate;
  } else if (key == "rope_scaling") {
    std::string name;
    line >> name;
    rope.scaling = scaling_named(name);
  } else {
    return false;
  }
  return true;
}

inline bool read_config_field(const std::string& key, std::istream& line, ModelConfig& config) {
  const std::map<std::string, std::size_t*> sizes{
      {"vocabulary_size", &config.vocabulary_size},
      {"hidden_size", &config.hidden_size},
      {"intermediate_size", &config.intermediate_size},
      {"layers", &config.layers},
      {"heads", &config.heads},
      {"kv_heads", &config.kv_heads},
      {"head_dim", &config.head_dim},
      {"max_positions", &config.max_positions},
      {"sliding_window", &config.sliding_window},
      {"first_sliding_layer", &config.first_sliding_layer}};
  const std::map<std::string, bool*> flags{{"tied_embeddings", &config.tied_embeddings},
                                           {"attention_bias", &config.attention_bias},
                                           {"output_bias", &config.output_bias},
                                           {"mlp_bias", &config.mlp_bias},
                                           {"qk_norm", &config.qk_norm}};
  if (const auto size = sizes.find(key); size != sizes.end()) {
    line >> *size->second;
  } else if (const auto flag = flags.find(key); flag != flags.end()) {
    line >> *flag->second;
  } else if (key == "family") {
    line >> config.family;
  } else if (key == "rms_epsilon") {
    line >> config.rms_epsilon;
  } else {
    return read_rope_field(key, line, config.rope);
  }
  return true;
}

inline FamilyCase read_family_case(const std::string& name) {
  const std::string stem = libquant::testing::test_folder() + "/golden/families/" + name;
  FamilyCase result;
  std::ifstream text(stem + ".case");
  require<Error>(text.good(), "{}.case cannot be read", stem);
  for (std::string content; std::getline(text, content);) {
    std::istringstream line(content);
    std::string key;
    line >> key;
    if (key == "ids") {
      result.ids = read_list<std::int32_t>(line);
    } else if (key == "positions") {
      result.positions = read_list<std::size_t>(line);
    } else {
      require<Error>(read_config_field(key, line, result.config), "{}: unknown key {}", name, key);
      require<Error>(!line.fail(), "{}: {} has no value", name, key);
    }
  }
  result.logits.resize(result.positions.size() * result.config.vocabulary_size);
  std::ifstream bytes(stem + ".logits", std::ios::binary);
  bytes.read(reinterpret_cast<char*>(result.logits.data()),
             static_cast<std::streamsize>(result.logits.size() * sizeof(float)));
  require<Error>(bytes.good() && bytes.peek() == EOF, "{}.logits has another size", stem);
  return result;
}

}  // namespace libquant::testing
