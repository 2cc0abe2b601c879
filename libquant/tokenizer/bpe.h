#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "libquant/tokenizer/tokenizer_spec.h"

namespace libquant::text {

/// Merge rules by pair of token ids: open addressing, at most half full.
class MergeTable {
 public:
  struct Rule {
    std::uint32_t rank;
    std::int32_t merged;
  };

  explicit MergeTable(std::size_t count);
  /// A pair that comes again takes the later rule, as in `tokenizers`.
  void insert(std::int32_t left, std::int32_t right, Rule rule);
  const Rule* find(std::int32_t left, std::int32_t right) const noexcept;

 private:
  struct Slot {
    std::uint64_t key;
    Rule rule;
  };
  std::size_t slot_of(std::uint64_t key) const noexcept;

  std::vector<Slot> slots_;
  int shift_;
};

/// Byte-pair merging of one piece of text. Immutable, and refers to the spec, which must outlive
/// it.
class Bpe {
 public:
  /// Words met before in the same text; one per thread and text.
  class Cache;

  /// The spec must have passed check_tokenizer().
  explicit Bpe(const TokenizerSpec& spec);

  /// Appends the ids of `piece` (valid UTF-8, in the spelling of the vocabulary) to `ids`, which
  /// must be the same vector for all calls with one cache.
  void encode(std::string_view piece, Cache* cache, std::vector<std::int32_t>* ids) const;

  /// Id of a piece, or -1.
  std::int32_t find(std::string_view piece) const noexcept;

 private:
  void encode_word(std::string_view word, Cache* cache, std::vector<std::int32_t>* ids) const;
  void symbols_of(std::string_view word, std::vector<std::int32_t>* ids) const;
  bool add_bytes(std::string_view character, std::vector<std::int32_t>* ids) const;
  bool words_end_before_spaces() const;

  const TokenizerSpec& spec_;
  std::unordered_map<std::string_view, std::int32_t> vocabulary_;
  std::vector<std::int32_t> short_characters_;  // ids of U+0000..U+07FF
  std::array<std::int32_t, 256> bytes_{};
  MergeTable merges_;
  bool cut_before_spaces_ = false;
};

class Bpe::Cache {
  friend class Bpe;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const noexcept {
      return std::hash<std::string_view>{}(word);
    }
  };
  // Where in the output the ids of a word stand.
  std::unordered_map<std::string, std::pair<std::size_t, std::size_t>, Hash, std::equal_to<>>
      words_;
  std::vector<std::int32_t> symbols_;
};

}  // namespace libquant::text
