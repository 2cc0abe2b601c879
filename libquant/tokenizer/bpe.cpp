#include "libquant/tokenizer/bpe.h"

#include <bit>
#include <limits>
#include <queue>

#include "libquant/core/error.h"
#include "libquant/tokenizer/unicode.h"

namespace libquant::text {
namespace {

constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
// Longer words hardly come twice.
constexpr std::size_t kLongestCachedWord = 64;
constexpr std::size_t kMostCachedWords = 1u << 20;

std::uint64_t pair_key(std::int32_t left, std::int32_t right) noexcept {
  return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32) |
         static_cast<std::uint32_t>(right);
}

// The symbols of a word as a linked list, merged in the order of the rules' ranks.
class Merger {
 public:
  Merger(const MergeTable& table, std::vector<std::int32_t>& symbols)
      : table_(table), ids_(symbols), previous_(symbols.size()), next_(symbols.size()) {
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      previous_[i] = static_cast<std::int32_t>(i) - 1;
      next_[i] = i + 1 < ids_.size() ? static_cast<std::int32_t>(i) + 1 : kNone;
    }
    for (std::int32_t i = 0; i + 1 < static_cast<std::int32_t>(ids_.size()); ++i) {
      if (const auto* rule = rule_at(i)) candidates.push_back({order(rule->rank, i), rule->merged});
    }
    queue_ = Queue({}, std::move(candidates));
  }

  void run() {
    while (!queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      const auto at = static_cast<std::int32_t>(best.order & 0xFFFFFFFFu);
      if (id(at) == kDead || next(at) == kNone) continue;
      // The neighbourhood may have changed since. `tokenizers` asks for the same result, not for
      // the same pair, and its ids are the measure.
      const auto* rule = rule_at(at);
      if (rule == nullptr || rule->merged != best.merged) continue;
      merge(at, best.merged);
    }
    std::erase(ids_, kDead);
  }

 private:
  static constexpr std::int32_t kDead = -2;
  static constexpr std::int32_t kNone = -1;
  struct Candidate {
    std::uint64_t order;  // rank, then position
    std::int32_t merged;
  };
  struct Later {
    bool operator()(const Candidate& a, const Candidate& b) const { return a.order > b.order; }
  };
  using Queue = std::priority_queue<Candidate, std::vector<Candidate>, Later>;

  static std::uint64_t order(std::uint32_t rank, std::int32_t at) {
    return (std::uint64_t{rank} << 32) | static_cast<std::uint32_t>(at);
  }
  std::int32_t& id(std::int32_t at) { return ids_[static_cast<std::size_t>(at)]; }
  std::int32_t& next(std::int32_t at) { return next_[static_cast<std::size_t>(at)]; }
  std::int32_t& previous(std::int32_t at) { return previous_[static_cast<std::size_t>(at)]; }

  const MergeTable::Rule* rule_at(std::int32_t at) { return table_.find(id(at), id(next(at))); }

  void merge(std::int32_t at, std::int32_t merged) {
    const std::int32_t right = next(at);
    id(at) = merged;
    id(right) = kDead;
    next(at) = next(right);
    if (next(at) != kNone) previous(next(at)) = at;
    if (previous(at) != kNone) propose(previous(at));
    if (next(at) != kNone) propose(at);
  }

  void propose(std::int32_t at) {
    if (const auto* rule = rule_at(at)) queue_.push({order(rule->rank, at), rule->merged});
  }

  const MergeTable& table_;
  std::vector<std::int32_t>& ids_;
  std::vector<std::int32_t> previous_, next_;
  Queue queue_;
};

bool ends_with_space(std::string_view piece) { return piece.ends_with(kSpaceMark); }

}  // namespace

MergeTable::MergeTable(std::size_t count)
    : slots_(std::bit_ceil(2 * count + 2), Slot{kEmpty, {}}),
      shift_(64 - std::countr_zero(slots_.size())) {}

std::size_t MergeTable::slot_of(std::uint64_t key) const noexcept {
  constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15u;
  std::size_t slot = static_cast<std::size_t>((key ^ (key >> 29)) * kGolden >> shift_);
  while (slots_[slot].key != kEmpty && slots_[slot].key != key) {
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return slot;
}

void MergeTable::insert(std::int32_t left, std::int32_t right, Rule rule) {
  const std::uint64_t key = pair_key(left, right);
  slots_[slot_of(key)] = {key, rule};
}

const MergeTable::Rule* MergeTable::find(std::int32_t left, std::int32_t right) const noexcept {
  const Slot& slot = slots_[slot_of(pair_key(left, right))];
  return slot.key == kEmpty ? nullptr : &slot.rule;
}

Bpe::Bpe(const TokenizerSpec& spec)
    : spec_(spec), short_characters_(0x800), merges_(spec.merges.size()) {
  vocabulary_.reserve(spec.tokens.size());
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
    vocabulary_.emplace(spec.tokens[i], static_cast<std::int32_t>(i));
  }
  std::string piece;
  for (char32_t c = 0; c < short_characters_.size(); ++c) {
    piece.clear();
    append_utf8(&piece, c);
    short_characters_[c] = find(piece);
  }
  for (unsigned byte = 0; byte < bytes_.size(); ++byte) {
    bytes_[byte] = find(piece_of_byte(static_cast<std::uint8_t>(byte)));
  }
  std::uint32_t rank = 0;
  for (const auto& [left, right] : spec.merges) {
    merges_.insert(find(left), find(right), {rank++, find(left + right)});
  }
  cut_before_spaces_ = words_end_before_spaces();
}

// Whether no merge crosses the border between a word and the U+2581 behind it. Then the words of a
// text that was not split before can be merged one by one, with the same result.
bool Bpe::words_end_before_spaces() const {
  if (spec_.ignore_merges || find(kSpaceMark) < 0) return false;
  for (const auto& [left, right] : spec_.merges) {
    if (right.starts_with(kSpaceMark) && !ends_with_space(left)) return false;
  }
  return true;
}

std::int32_t Bpe::find(std::string_view piece) const noexcept {
  const auto found = vocabulary_.find(piece);
  return found == vocabulary_.end() ? -1 : found->second;
}

void Bpe::encode(std::string_view piece, Cache* cache, std::vector<std::int32_t>* ids) const {
  if (spec_.ignore_merges) {
    if (const std::int32_t id = find(piece); id >= 0) {
      ids->push_back(id);
      return;
    }
  }
  if (cut_before_spaces_) {
    std::size_t from = 0;
    for (std::size_t at = piece.find(kSpaceMark, 1); at != piece.npos;
         at = piece.find(kSpaceMark, at + 1)) {
      if (ends_with_space(piece.substr(0, at))) continue;
      encode_word(piece.substr(from, at - from), cache, ids);
      from = at;
    }
    piece.remove_prefix(from);
  }
  if (!piece.empty()) encode_word(piece, cache, ids);
}

void Bpe::encode_word(std::string_view word, Cache* cache, std::vector<std::int32_t>* ids) const {
  if (const auto found = cache->words_.find(word); found != cache->words_.end()) {
    const auto [begin, count] = found->second;
    ids->reserve(ids->size() + count);  // insert() must not move what it copies
    ids->insert(ids->end(), ids->begin() + static_cast<std::ptrdiff_t>(begin),
                ids->begin() + static_cast<std::ptrdiff_t>(begin + count));
    return;
  }
  cache->symbols_.clear();
  symbols_of(word, &cache->symbols_);
  Merger(merges_, cache->symbols_).run();
  if (word.size() <= kLongestCachedWord && cache->words_.size() < kMostCachedWords) {
    cache->words_.emplace(word, std::pair(ids->size(), cache->symbols_.size()));
  }
  ids->insert(ids->end(), cache->symbols_.begin(), cache->symbols_.end());
}

bool Bpe::add_bytes(std::string_view character, std::vector<std::int32_t>* ids) const {
  for (const char byte : character) {
    if (bytes_[static_cast<std::uint8_t>(byte)] < 0) return false;
  }
  for (const char byte : character) ids->push_back(bytes_[static_cast<std::uint8_t>(byte)]);
  return true;
}

void Bpe::symbols_of(std::string_view word, std::vector<std::int32_t>* ids) const {
  require<NotSupported>(word.size() < std::numeric_limits<std::int32_t>::max(),
                        "merging a piece of {} bytes, more than 2^31", word.size());
  // An unknown character waits here for the next known one: `tokenizers` emits it only then, even
  // behind the bytes of characters that fell back.
  std::size_t waiting = 0;
  const auto flush = [&] {
    ids->insert(ids->end(), waiting, spec_.unk);
    waiting = 0;
  };
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t begin = at;
    const char32_t code_point = next_code_point(word, &at);
    const std::string_view character = word.substr(begin, at - begin);
    const std::int32_t id =
        code_point < short_characters_.size() ? short_characters_[code_point] : find(character);
    if (id >= 0) {
      flush();
      ids->push_back(id);
    } else if (spec_.byte_fallback && add_bytes(character, ids)) {
      continue;
    } else if (spec_.map_unknown) {
      if (!spec_.fuse_unknown) flush();
      waiting = 1;
    }
  }
  flush();
}

}  // namespace libquant::text
