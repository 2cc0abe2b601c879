// make_checkpoint FOLDER HIDDEN MLP LAYERS VOCABULARY: a Hugging Face folder of the Llama family
// with made-up weights in bf16, of any size: values are computed row by row as they are written.

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <exception>
#include <string>

#include "libquant/checkpoint/write_checkpoint.h"
#include "libquant/core/rng.h"
#include "tests/support/tiny_checkpoint.h"

namespace libquant::testing {
namespace {

class GeneratedCheckpoint final : public Checkpoint {
 public:
  explicit GeneratedCheckpoint(ModelConfig config)
      : config_(std::move(config)), spec_(byte_tokenizer()) {}

  const ModelConfig& config() const override { return config_; }
  std::vector<std::string> names() const override {
    std::vector<std::string> names{"model.embed_tokens.weight"};
    for (std::size_t layer = 0; layer < config_.layers; ++layer) {
      const std::string prefix = fmt::format("model.layers.{}.", layer);
      names.push_back(prefix + "input_layernorm.weight");
      for (const LinearRole role : kLinearRoles)
        names.push_back(linear_name(layer, role) + ".weight");
      names.push_back(prefix + "post_attention_layernorm.weight");
    }
    names.push_back("model.norm.weight");
    if (!config_.tied_embeddings) names.push_back("lm_head.weight");
    return names;
  }
  bool has(std::string_view name) const override {
    for (const auto& known : names())
      if (known == name) return true;
    return false;
  }
  Info info(std::string_view name) const override {
    const ModelConfig& c = config_;
    const auto is = [&](const char* part) { return name.find(part) != std::string_view::npos; };
    const std::size_t queries = c.heads * c.head_dim, keys = c.kv_heads * c.head_dim;
    if (is("norm")) return {1, c.hidden_size, "BF16", false};
    if (is("q_proj")) return {queries, c.hidden_size, "BF16", false};
    if (is("k_proj") || is("v_proj")) return {keys, c.hidden_size, "BF16", false};
    if (is("o_proj")) return {c.hidden_size, queries, "BF16", false};
    if (is("gate_proj") || is("up_proj"))
      return {c.intermediate_size, c.hidden_size, "BF16", false};
    if (is("down_proj")) return {c.hidden_size, c.intermediate_size, "BF16", false};
    return {c.vocabulary_size, c.hidden_size, "BF16", false};
  }
  void load_rows(std::string_view name, std::size_t row_begin, MatrixView out) const override {
    std::uint64_t seed = 0xcbf29ce484222325u;
    for (const char c : name) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    const bool norm = name.find("norm") != std::string_view::npos;
    const float scale = norm ? 0.2f : std::sqrt(3.0f / static_cast<float>(out.cols));
    for (std::size_t r = 0; r < out.rows; ++r) {
      Rng rng(seed + row_begin + r);
      for (float& value : out.row(r)) {
        const auto whole = static_cast<std::int32_t>(rng.next() >> 32);
        value = (norm ? 1.0f : 0.0f) + scale * static_cast<float>(whole) * 0x1p-31f;
      }
    }
  }
  std::optional<QuantizedMatrix> quantized(std::string_view) const override { return {}; }
  std::string type_name() const override { return "BF16"; }
  const TokenizerSpec& tokenizer() const override { return spec_; }
  std::string format() const override { return "safetensors"; }
  std::string content_hash() const override { return "generated"; }
  const SourceFiles& source_files() const override { return files_; }
  const Json& generation_config() const override { return generation_; }
  void release(std::string_view) const override {}

 private:
  ModelConfig config_;
  TokenizerSpec spec_;
  SourceFiles files_;
  Json generation_;
};

int make(char** arguments) {
  const auto number = [&](int i) { return std::strtoull(arguments[i], nullptr, 10); };
  ModelConfig config = tiny_text_config();
  config.hidden_size = number(2);
  config.intermediate_size = number(3);
  config.layers = number(4);
  config.vocabulary_size = number(5);
  config.head_dim = config.hidden_size / config.heads;
  if (config.hidden_size >= 512) {
    config.head_dim = 64;
    config.heads = config.hidden_size / 64;
    config.kv_heads = config.heads / 4;
  }
  config.max_positions = 2048;
  config.tied_embeddings = false;
  WriteOptions options;
  options.format = Format::safetensors;
  options.shard_bytes = std::size_t{1} << 30;
  for (const auto& file : write_checkpoint(GeneratedCheckpoint(config), arguments[1], options))
    fmt::print("{}\n", file.string());
  return 0;
}

}  // namespace
}  // namespace libquant::testing

int main(int count, char** arguments) {
  if (count != 6) {
    fmt::print(stderr, "usage: make_checkpoint FOLDER HIDDEN MLP LAYERS VOCABULARY\n");
    return 2;
  }
  try {
    return libquant::testing::make(arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "make_checkpoint: {}\n", error.what());
    return 1;
  }
}
