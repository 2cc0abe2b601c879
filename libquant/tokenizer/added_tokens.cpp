#include "libquant/tokenizer/added_tokens.h"

#include <algorithm>

#include "libquant/tokenizer/unicode.h"

namespace libquant::text {
namespace {

// The last code point of text[0, end), which starts at the returned offset.
std::size_t last_code_point(std::string_view text, std::size_t end, char32_t* code_point) {
  std::size_t begin = end - 1;
  while (begin > 0 && (static_cast<std::uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
  std::size_t at = begin;
  *code_point = next_code_point(text, &at);
  return begin;
}

bool word_ends_at(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  char32_t code_point = 0;
  last_code_point(text, at, &code_point);
  return is_word(code_point);
}

bool word_starts_at(std::string_view text, std::size_t at) {
  return at < text.size() && is_word(next_code_point(text, &at));
}

std::size_t without_space_before(std::string_view text, std::size_t begin, std::size_t least) {
  while (begin > least) {
    char32_t code_point = 0;
    const std::size_t previous = last_code_point(text, begin, &code_point);
    if (!is_space(code_point)) break;
    begin = previous;
  }
  return std::max(begin, least);
}

std::size_t without_space_after(std::string_view text, std::size_t end) {
  while (end < text.size()) {
    std::size_t next = end;
    if (!is_space(next_code_point(text, &next))) break;
    end = next;
  }
  return end;
}

}  // namespace

const std::size_t* AddedTokenMatcher::child_of(const Node& node, std::uint8_t byte) noexcept {
  for (const auto& child : node.children) {
    if (child.first == byte) return &child.second;
  }
  return nullptr;
}

void AddedTokenMatcher::add(std::string_view spelling, Entry entry) {
  if (spelling.empty()) return;
  std::size_t node = 0;
  for (const char c : spelling) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (const std::size_t* child = child_of(nodes_[node], byte)) {
      node = *child;
    } else {
      nodes_.emplace_back();
      nodes_[node].children.emplace_back(byte, nodes_.size() - 1);
      node = nodes_.size() - 1;
    }
  }
  nodes_[node].entry = static_cast<std::ptrdiff_t>(entries_.size());
  entries_.push_back(entry);
  starts_[static_cast<std::uint8_t>(spelling.front())] = true;
}

AddedTokenMatcher::Found AddedTokenMatcher::longest_at(std::string_view text,
                                                       std::size_t at) const noexcept {
  Found found;
  const Node* node = &nodes_[0];
  while (at < text.size()) {
    const std::size_t* child = child_of(*node, static_cast<std::uint8_t>(text[at++]));
    if (child == nullptr) break;
    node = &nodes_[*child];
    if (node->entry >= 0) found = {&entries_[static_cast<std::size_t>(node->entry)], at};
  }
  return found;
}

std::vector<Segment> AddedTokenMatcher::split(std::string_view text, bool special) const {
  std::vector<Segment> segments;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Found found =
        starts_[static_cast<std::uint8_t>(text[at])] ? longest_at(text, at) : Found();
    if (found.entry == nullptr) {
      ++at;
      continue;
    }
    const auto& token = found.entry->token;
    std::size_t begin = at;
    std::size_t end = found.end;
    at = found.end;
    if (found.entry->special && !special) continue;
    if (token.single_word && (word_ends_at(text, begin) || word_starts_at(text, end))) continue;
    if (token.lstrip) begin = without_space_before(text, begin, done);
    if (token.rstrip) end = without_space_after(text, end);
    if (done < begin) segments.push_back({done, begin, -1});
    segments.push_back({begin, end, token.id});
    done = end;
  }
  if (done < text.size()) segments.push_back({done, text.size(), -1});
  return segments;
}

}  // namespace libquant::text
