#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "libquant/model/model.h"
#include "libquant/scoring/probe_item.h"
#include "libquant/scoring/score_items.h"
#include "libquant/tokenizer/tokenizer.h"

namespace libquant {

/// The forward passes that a few items need, and the way back from their values to item scores.
class ItemTrees {
 public:
  ItemTrees(const Tokenizer& tokenizer, const ScoringOptions& options)
      : tokenizer_(tokenizer), options_(options) {}

  /// `item` must outlive this.
  void add(const ProbeItem& item);
  std::span<const PromptTree> trees() const noexcept { return trees_; }
  /// One score per item, in the order of `add`.
  std::vector<ItemScore> collect(const std::vector<TreeScores>& scores) const;

  /// What one continuation of one tree is of its item.
  struct Part {
    std::size_t tree, continuation;
    std::size_t item;
    std::size_t order;  ///< cyclic order of a letter prompt, kAnswer for an answer
    std::size_t option;
  };
  static constexpr std::size_t kAnswer = static_cast<std::size_t>(-1);
  std::span<const Part> parts() const noexcept { return parts_; }

 private:
  void add_answers(const ProbeItem& item);
  void add_sentences(const ProbeItem& item);
  void add_letters(const ProbeItem& item);
  /// Adds `text` after `prompt`; to the tree of `prompt` when it tokenizes as its beginning.
  void add_continuation(std::size_t tree, const std::string& prompt, const std::string& text,
                        std::size_t order, std::size_t option);

  const Tokenizer& tokenizer_;
  const ScoringOptions& options_;
  std::vector<const ProbeItem*> items_;
  std::vector<PromptTree> trees_;
  std::vector<Part> parts_;
};

}  // namespace libquant
