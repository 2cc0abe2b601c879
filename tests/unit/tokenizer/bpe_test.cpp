// The queue-driven merging against the definition: of all pairs that a rule joins, merge the one
// with the lowest rank, the leftmost of several, until no rule applies.

#include "libquant/tokenizer/bpe.h"

#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "libquant/tokenizer/tokenizer.h"
#include "libquant/tokenizer/unicode.h"
#include "tests/support/catch.h"

using libquant::TokenizerSpec;
using libquant::text::Bpe;
using Ids = std::vector<std::int32_t>;

namespace {

TokenizerSpec spec_of(std::vector<std::string> characters,
                      std::vector<std::pair<std::string, std::string>> merges) {
  TokenizerSpec spec;
  spec.kind = TokenizerSpec::Kind::sentencepiece;
  spec.tokens = std::move(characters);
  for (const auto& [left, right] : merges) spec.tokens.push_back(left + right);
  spec.merges = std::move(merges);
  spec.types.assign(spec.tokens.size(), TokenizerSpec::TokenType::normal);
  return spec;
}

// A random grammar without two rules for the same piece.
TokenizerSpec random_spec(std::mt19937& draw, const std::vector<std::string>& characters) {
  std::vector<std::string> pieces = characters;
  std::vector<std::pair<std::string, std::string>> merges;
  std::map<std::string, bool> known;
  for (const auto& c : characters) known[c] = true;
  while (merges.size() < 60) {
    const std::string left = pieces[draw() % pieces.size()];
    const std::string right = pieces[draw() % pieces.size()];
    if (known[left + right] || left.size() + right.size() > 40) continue;
    known[left + right] = true;
    pieces.push_back(left + right);
    merges.emplace_back(left, right);
  }
  return spec_of(characters, merges);
}

std::vector<std::string> merge_by_definition(const TokenizerSpec& spec,
                                             std::vector<std::string> parts) {
  while (true) {
    std::optional<std::pair<std::size_t, std::size_t>> best;  // rank, place
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      for (std::size_t rank = 0; rank < spec.merges.size(); ++rank) {
        if (spec.merges[rank] == std::pair(parts[i], parts[i + 1]) &&
            (!best || std::pair(rank, i) < *best)) {
          best = {rank, i};
        }
      }
    }
    if (!best) return parts;
    parts[best->second] += parts[best->second + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best->second) + 1);
  }
}

}  // namespace

TEST_CASE("Merging by queue gives what the definition gives") {
  const std::vector<std::string> characters = {"a", "b", "c", "\u2581", "\u00E9", "\U0001F600"};
  std::mt19937 draw(11);
  for (int round = 0; round < 60; ++round) {
    const TokenizerSpec spec = random_spec(draw, characters);
    const Bpe bpe(spec);
    Bpe::Cache cache;
    Ids all;
    for (int word = 0; word < 12; ++word) {
      std::vector<std::string> parts(draw() % 40);
      std::string text;
      for (auto& part : parts) text += part = characters[draw() % characters.size()];
      const std::size_t begin = all.size();
      bpe.encode(text, &cache, &all);
      bpe.encode(text, &cache, &all);  // from the cache, if it is short
      std::vector<std::string> pieces;
      for (std::size_t i = begin; i < all.size(); ++i) {
        pieces.push_back(spec.tokens[static_cast<std::size_t>(all[i])]);
      }
      const std::vector<std::string> once = merge_by_definition(spec, parts);
      std::vector<std::string> twice = once;
      twice.insert(twice.end(), once.begin(), once.end());
      INFO("round " << round << ": " << text);
      REQUIRE(pieces == twice);
    }
  }
}

TEST_CASE("A word of a million letters is merged like a short one") {
  std::vector<std::pair<std::string, std::string>> merges;
  for (std::size_t length = 1; length < 64; length *= 2) {
    merges.emplace_back(std::string(length, 'a'), std::string(length, 'a'));
  }
  const TokenizerSpec spec = spec_of({"a"}, merges);
  const Bpe bpe(spec);
  Bpe::Cache cache;
  Ids ids;
  bpe.encode(std::string(1'000'000, 'a'), &cache, &ids);
  CHECK(ids == Ids(1'000'000 / 64, 6));
}

TEST_CASE("Words are cut at spaces only where no merge could cross") {
  // "c▁" is a piece: the border between "abc" and "▁a" is no border.
  const TokenizerSpec crossing =
      spec_of({"a", "b", "c", "\u2581"},
              {{"\u2581", "a"}, {"c", "\u2581"}, {"b", "c\u2581"}, {"\u2581", "\u2581"}});
  const TokenizerSpec plain =
      spec_of({"a", "b", "c", "\u2581"},
              {{"\u2581", "a"}, {"b", "c"}, {"\u2581", "\u2581"}, {"\u2581\u2581", "\u2581a"}});
  std::mt19937 draw(5);
  for (const TokenizerSpec* spec : {&crossing, &plain}) {
    const Bpe bpe(*spec);
    for (int round = 0; round < 300; ++round) {
      std::vector<std::string> parts(1 + draw() % 20);
      std::string text;
      for (auto& part : parts) text += part = spec->tokens[draw() % 4];
      Bpe::Cache cache;
      Ids ids;
      bpe.encode(text, &cache, &ids);
      std::vector<std::string> pieces;
      for (const auto id : ids) pieces.push_back(spec->tokens[static_cast<std::size_t>(id)]);
      INFO(text);
      REQUIRE(pieces == merge_by_definition(*spec, parts));
    }
  }
}

TEST_CASE("Scores become the merges that Hugging Face's converter derives, and back") {
  TokenizerSpec spec = spec_of({"a", "b", "\u00E9"}, {});
  for (const char* piece : {"ab", "aba", "ba", "\u00E9\u00E9", "\u00E9\u00E9\u00E9"}) {
    spec.tokens.push_back(piece);
  }
  spec.types.assign(spec.tokens.size(), TokenizerSpec::TokenType::normal);
  spec.scores = {-5, -6, -7, 0, -1, -2, -3, -3};
  libquant::GgufMetadata metadata;
  metadata.set("tokenizer.ggml.model", libquant::GgufValue::string("llama"));
  metadata.set("tokenizer.ggml.tokens", libquant::GgufValue::string_array(spec.tokens));
  metadata.set("tokenizer.ggml.scores",
               libquant::GgufValue::f32_array({spec.scores.begin(), spec.scores.end()}));
  metadata.set("tokenizer.ggml.add_bos_token", libquant::GgufValue::boolean(false));
  const TokenizerSpec read = libquant::tokenizer_from_gguf(metadata);
  // Equal scores: the longer left part first.
  const std::vector<std::pair<std::string, std::string>> expected = {{"a", "b"},
                                                                     {"ab", "a"},
                                                                     {"a", "ba"},
                                                                     {"b", "a"},
                                                                     {"\u00E9\u00E9", "\u00E9"},
                                                                     {"\u00E9", "\u00E9\u00E9"},
                                                                     {"\u00E9", "\u00E9"}};
  CHECK(read.merges == expected);
  CHECK(read.scores == spec.scores);
}
