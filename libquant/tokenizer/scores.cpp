#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "libquant/core/error.h"
#include "libquant/tokenizer/presets.h"
#include "libquant/tokenizer/unicode.h"

namespace libquant::text {
namespace {

using TokenType = TokenizerSpec::TokenType;

// All ways to cut a piece are looked up; sentencepiece's own limit is 512 characters.
constexpr std::size_t kLongestPiece = 2048;

struct ScoredMerge {
  float score;
  std::size_t left_length, right_length;  // in characters
  std::string_view left, right;
};

// Hugging Face's order: better scores first; among equals longer left, then longer right parts.
bool comes_first(const ScoredMerge& a, const ScoredMerge& b) {
  if (a.score != b.score) return a.score > b.score;
  if (a.left_length != b.left_length) return a.left_length > b.left_length;
  return a.right_length > b.right_length;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> merges_from_scores(const TokenizerSpec& spec) {
  std::unordered_map<std::string_view, std::size_t> pieces;
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
    if (spec.types[i] == TokenType::normal) pieces.emplace(spec.tokens[i], i);
  }
  std::vector<ScoredMerge> found;
  std::vector<std::size_t> borders;
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
    if (spec.types[i] != TokenType::normal) continue;
    const std::string_view piece = spec.tokens[i];
    require<NotSupported>(piece.size() <= kLongestPiece,
                          "deriving merges from scores: token {} has {} bytes, more than {}", i,
                          piece.size(), kLongestPiece);
    borders.clear();
    for (std::size_t at = 0; at < piece.size(); next_code_point(piece, &at)) borders.push_back(at);
    const std::size_t first = found.size();
    for (std::size_t k = 1; k < borders.size(); ++k) {
      const std::string_view left = piece.substr(0, borders[k]);
      const std::string_view right = piece.substr(borders[k]);
      if (pieces.contains(left) && pieces.contains(right)) {
        found.push_back({spec.scores[i], k, borders.size() - k, left, right});
      }
    }
    std::sort(found.begin() + static_cast<std::ptrdiff_t>(first), found.end(),
              [&](const ScoredMerge& a, const ScoredMerge& b) {
                return std::pair(pieces.at(a.left), pieces.at(a.right)) <
                       std::pair(pieces.at(b.left), pieces.at(b.right));
              });
  }
  std::stable_sort(found.begin(), found.end(), comes_first);
  std::vector<std::pair<std::string, std::string>> merges;
  merges.reserve(found.size());
  for (const auto& merge : found) merges.emplace_back(merge.left, merge.right);
  return merges;
}

std::vector<float> scores_from_merges(const TokenizerSpec& spec) {
  std::unordered_map<std::string_view, std::size_t> pieces;
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) pieces.emplace(spec.tokens[i], i);
  std::vector<float> scores(spec.tokens.size(), 0.0F);
  std::vector<bool> scored(spec.tokens.size());
  float next = 0.0F;
  const auto score = [&](std::size_t id) {
    if (scored[id]) return;
    scored[id] = true;
    scores[id] = next;
    next -= 1.0F;
  };
  for (const auto& [left, right] : spec.merges) score(pieces.at(left + right));
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
    if (spec.types[i] == TokenType::normal) score(i);
  }
  return scores;
}

}  // namespace libquant::text
