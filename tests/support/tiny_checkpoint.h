#pragma once
// A model in memory that can be tokenized, quantized and written: what a checkpoint on disk offers,
// without the disk.

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/core/hash.h"
#include "libquant/core/rng.h"
#include "tests/support/memory_source.h"

namespace libquant::testing {

inline void append_utf8(std::string& text, unsigned code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else {
    text += static_cast<char>(0xc0 | (code >> 6));
    text += static_cast<char>(0x80 | (code & 0x3f));
  }
}

/// A byte-level vocabulary: the 256 bytes in GPT-2's letters, and an end token.
inline TokenizerSpec byte_tokenizer() {
  TokenizerSpec spec;
  unsigned next = 256;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool shown = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    std::string letter;
    append_utf8(letter, shown ? byte : next++);
    spec.tokens.push_back(letter);
  }
  spec.tokens.push_back("<|end|>");
  spec.types.assign(256, TokenizerSpec::TokenType::normal);
  spec.types.push_back(TokenizerSpec::TokenType::control);
  spec.added.push_back({.id = 256});
  spec.pre_tokenizers.emplace_back(TokenizerSpec::ByteLevel{.use_regex = true});
  spec.eos = 256;
  return spec;
}

/// 2 blocks, hidden 64, 4 heads over 2 key heads, MLP 96: groups of 32 divide everything, groups
/// of 64 everything but the down projections.
inline ModelConfig tiny_text_config() {
  ModelConfig config;
  config.family = "llama";
  config.vocabulary_size = 257;
  config.hidden_size = 64;
  config.intermediate_size = 96;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 16;
  config.max_positions = 128;
  config.tied_embeddings = true;
  return config;
}

class TinyCheckpoint final : public Checkpoint {
 public:
  explicit TinyCheckpoint(ModelConfig config = tiny_text_config())
      : weights(std::move(config)), spec(byte_tokenizer()) {}

  MemorySource weights;  ///< tests change its tensors to their liking
  TokenizerSpec spec;
  SourceFiles files;
  Json generation;

  const ModelConfig& config() const override { return weights.config(); }
  std::vector<std::string> names() const override { return weights.names(); }
  bool has(std::string_view name) const override { return weights.has(name); }
  Info info(std::string_view name) const override { return weights.info(name); }
  void load_rows(std::string_view name, std::size_t row_begin, MatrixView out) const override {
    weights.load_rows(name, row_begin, out);
  }
  std::optional<QuantizedMatrix> quantized(std::string_view name) const override {
    return weights.quantized(name);
  }
  std::string type_name() const override { return "F32"; }
  const TokenizerSpec& tokenizer() const override { return spec; }
  std::string format() const override { return "safetensors"; }
  std::string content_hash() const override {
    Hasher hasher;
    for (const auto& [name, tensor] : weights.tensors) {
      hasher.update(name);
      hasher.update(std::as_bytes(std::span(tensor.data(), tensor.size())));
    }
    return hasher.hex();
  }
  const SourceFiles& source_files() const override { return files; }
  const Json& generation_config() const override { return generation; }
  void release(std::string_view name) const override { released.emplace(name); }

  mutable std::set<std::string, std::less<>> released;
};

/// Text of made-up words, `bytes` long.
inline std::string made_up_text(std::size_t bytes, std::uint64_t seed) {
  Rng rng(seed);
  std::string text;
  while (text.size() < bytes) {
    const std::uint64_t letters = 2 + rng.below(7);
    for (std::uint64_t i = 0; i < letters; ++i)
      text += static_cast<char>('a' + static_cast<char>(rng.below(26)));
    text += rng.below(12) == 0 ? '\n' : ' ';
  }
  text.resize(bytes);
  return text;
}

}  // namespace libquant::testing
