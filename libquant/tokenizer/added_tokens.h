#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "libquant/tokenizer/tokenizer_spec.h"

namespace libquant::text {

/// A stretch of text: an added token, or (id -1) what lies between.
struct Segment {
  std::size_t begin = 0, end = 0;
  std::int32_t id = -1;
};

/// Finds added tokens in text: at each place the longest, from left to right.
class AddedTokenMatcher {
 public:
  struct Entry {
    TokenizerSpec::AddedToken token;
    bool special = false;
  };

  AddedTokenMatcher() : nodes_(1) {}
  /// `spelling` is what is looked for; an empty one never matches.
  void add(std::string_view spelling, Entry entry);
  /// Segments that cover `text`. Without `special`, special tokens are text like any other.
  std::vector<Segment> split(std::string_view text, bool special) const;

 private:
  struct Node {
    std::vector<std::pair<std::uint8_t, std::size_t>> children;
    std::ptrdiff_t entry = -1;
  };
  struct Found {
    const Entry* entry = nullptr;
    std::size_t end = 0;
  };
  Found longest_at(std::string_view text, std::size_t at) const noexcept;
  static const std::size_t* child_of(const Node& node, std::uint8_t byte) noexcept;

  std::vector<Node> nodes_;
  std::vector<Entry> entries_;
  bool starts_[256] = {};
};

}  // namespace libquant::text
