#pragma once
// A whole model in memory: weights by formula, matrices with random codes, a byte-level tokenizer.

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/core/rng.h"
#include "libquant/model/block.h"
#include "libquant/quant/quantized_matrix.h"
#include "tests/support/memory_source.h"

namespace libquant::testing {

/// 256 byte letters, two merges, and the control tokens of ChatML: 261 tokens, as in SmolLM2's
/// family of tokenizers.
inline TokenizerSpec tiny_tokenizer() {
  TokenizerSpec spec;
  const auto utf8 = [](unsigned letter) {
    if (letter < 0x80) return std::string(1, static_cast<char>(letter));
    return std::string{static_cast<char>(0xC0 | letter >> 6),
                       static_cast<char>(0x80 | (letter & 0x3F))};
  };
  // GPT-2: printable bytes stand for themselves, the others for U+0100 and on.
  unsigned next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    spec.tokens.push_back(utf8(itself ? byte : next++));
  }
  spec.merges = {{"h", "e"}, {"he", "l"}};
  for (const char* piece : {"he", "hel", "<|endoftext|>", "<|im_start|>", "<|im_end|>"})
    spec.tokens.emplace_back(piece);
  spec.types.assign(spec.tokens.size(), TokenizerSpec::TokenType::normal);
  for (std::int32_t id = 258; id <= 260; ++id) {
    spec.types[static_cast<std::size_t>(id)] = TokenizerSpec::TokenType::control;
    spec.added.push_back({id});
  }
  spec.pre_tokenizers = {TokenizerSpec::Split{R"(\p{N})"}, TokenizerSpec::ByteLevel{false, true}};
  spec.bos = 259;
  spec.eos = 260;
  spec.unk = spec.pad = 258;
  spec.chat_template =
      "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
      "{% endfor %}";
  spec.pre = "smollm";
  return spec;
}

/// One block, every linear layer of a whole number of groups of 128: hidden 128, 2 heads of 64 over
/// one key head, 256 inner; vocabulary of the tiny tokenizer and 3 unused rows.
inline ModelConfig export_config(std::string family = "llama") {
  ModelConfig config = tiny_config();
  config.family = std::move(family);
  config.vocabulary_size = 264;
  config.hidden_size = 128;
  config.intermediate_size = 256;
  config.layers = 1;
  config.heads = 2;
  config.kv_heads = 1;
  config.head_dim = 64;
  config.attention_bias = config.family == "qwen2";
  config.qk_norm = config.family == "qwen3";
  return config;
}

/// Every code, and scales of both signs over the whole range of the type, 0 and subnormals of f16
/// among them; zeros from zero_min up.
inline QuantizedMatrix random_codes(const Scheme& scheme, std::size_t rows, std::size_t cols,
                                    std::uint64_t seed) {
  QuantizedMatrix matrix = make_quantized(scheme, rows, cols);
  Rng rng(seed);
  const auto range = static_cast<std::uint64_t>(scheme.max_code()) + 1;
  const auto number = [&] {
    const double exponent = rng.uniform() * 16 - 22;
    const double value = (rng.below(2) == 0 ? 1.0 : -1.0) * std::exp2(exponent);
    return round_to(scheme.scale_type, static_cast<float>(value));
  };
  for (auto& code : matrix.codes) code = static_cast<std::uint8_t>(rng.below(range));
  for (auto& scale : matrix.scales) scale = number();
  for (auto& minimum : matrix.minimums) minimum = number();
  matrix.scales[0] = 0;
  const auto lowest = static_cast<std::uint64_t>(scheme.zero_min);
  for (auto& zero : matrix.zeros)
    zero = static_cast<std::uint8_t>(lowest + rng.below(range - lowest));
  return matrix;
}

class CodedCheckpoint final : public Checkpoint {
 public:
  explicit CodedCheckpoint(ModelConfig config) : weights_(std::move(config)) {}

  std::map<std::string, QuantizedMatrix, std::less<>> codes;  ///< by tensor name
  TokenizerSpec spec = tiny_tokenizer();
  SourceFiles files;
  Json generation;

  /// Random codes of `scheme` for every linear layer of every block.
  void quantize(const Scheme& scheme) {
    for (std::size_t layer = 0; layer < config().layers; ++layer) {
      for (const LinearRole role : kLinearRoles) {
        const std::string name = linear_name(layer, role) + ".weight";
        const Info shape = weights_.info(name);
        codes[name] = random_codes(scheme, shape.rows, shape.cols, codes.size() + 1);
      }
    }
  }
  Matrix& tensor(std::string_view name) { return weights_.tensors.find(name)->second; }
  const Matrix& tensor(std::string_view name) const { return weights_.tensors.find(name)->second; }

  const ModelConfig& config() const override { return weights_.config(); }
  std::vector<std::string> names() const override { return weights_.names(); }
  bool has(std::string_view name) const override { return weights_.has(name); }
  Info info(std::string_view name) const override {
    Info info = weights_.info(name);
    if (const auto found = codes.find(name); found != codes.end()) {
      info.type = to_string(found->second.scheme);
      info.quantized = true;
    }
    return info;
  }
  void load_rows(std::string_view name, std::size_t row_begin, MatrixView out) const override {
    const auto found = codes.find(name);
    if (found == codes.end())
      weights_.load_rows(name, row_begin, out);
    else
      dequantize_rows(found->second, row_begin, out);
  }
  std::optional<QuantizedMatrix> quantized(std::string_view name) const override {
    const auto found = codes.find(name);
    return found == codes.end() ? std::nullopt : std::optional(found->second);
  }
  std::string type_name() const override { return "F32"; }
  const TokenizerSpec& tokenizer() const override { return spec; }
  std::string format() const override { return "memory"; }
  std::string content_hash() const override { return "memory"; }
  const SourceFiles& source_files() const override { return files; }
  const Json& generation_config() const override { return generation; }
  void release(std::string_view) const override {}

 private:
  MemorySource weights_;
};

}  // namespace libquant::testing
