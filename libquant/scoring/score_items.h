#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/core/progress.h"
#include "libquant/model/model.h"
#include "libquant/scoring/probe_item.h"
#include "libquant/tokenizer/chat.h"
#include "libquant/tokenizer/tokenizer.h"

namespace libquant {

/// How options are turned into log-probabilities. Three formats give three different numbers, so
/// every report names its format.
enum class ScoringFormat : std::uint8_t {
  letters,           ///< p("A"), p("B"), ... over all cyclic orders of the options, renormalised
  answer_sum,        ///< sum of the answer's token log-probabilities (lm-eval acc)
  answer_per_token,  ///< the same divided by the number of tokens
  sentence,          ///< sum over a whole sentence, for ItemForm::sentences
  sentence_per_token,
};
std::string_view to_string(ScoringFormat format) noexcept;
ScoringFormat scoring_format_from(std::string_view name);
std::span<const ScoringFormat> scoring_formats() noexcept;
/// The form of the items that a format is for.
ItemForm form_of(ScoringFormat format) noexcept;

struct ScoringOptions {
  /// Answers follow "{context}\n\nQ: {question}\nA:" (or the item's own prompt) and letters a list
  /// of lettered options; with a chat format both are a user's message and the assistant's reply.
  ChatFormat chat = ChatFormat::none;
  bool letters = true;  ///< letters cost one extra prompt per option
  bool answers = true;
  /// Computed together: what their prompts share is computed once. Items with the same context are
  /// put into the same batch.
  std::size_t batch_items = 64;
};

/// Raw scores of one item under one model: what the JSONL files hold, one line per item.
struct ItemScore {
  std::string id;
  /// Mean over cyclic orders of the renormalised log p(letter that stands for option i); empty if
  /// not scored.
  std::vector<double> letters;
  /// The letter distributions order by order, [orders x options] in option order: position effects.
  std::vector<double> letter_orders;
  /// Summed log-probability per option: of the answer after the prompt, or of the whole sentence.
  std::vector<double> answers;
  std::vector<std::size_t> answer_tokens;  ///< tokens per option
  std::vector<std::size_t> answer_bytes;
};

/// The text that stands before an option in the answer formats; sentences have none.
std::string answer_prompt(const ProbeItem& item, const TokenizerSpec& spec, ChatFormat chat);
/// The prompt of study 2605.15208 with the options lettered from option `first` on, cyclically.
std::string letter_prompt(const ProbeItem& item, std::size_t first, const TokenizerSpec& spec,
                          ChatFormat chat);

/// Scores of items, in their order. `on_item` receives each finished item, in the order in which
/// they are computed (to be appended to a JSONL file: a resumed audit skips the ids that it already
/// has). Adds what was computed to `cost` if given.
std::vector<ItemScore> score_items(const Model& model, const Tokenizer& tokenizer,
                                   std::span<const ProbeItem> items, const ScoringOptions& options,
                                   const std::function<void(const ItemScore&)>& on_item = {},
                                   const ProgressCallback& progress = {}, TreeCost* cost = nullptr);

/// Distribution over the options of an item in one format; empty when the score lacks that format.
std::vector<double> option_probabilities(const ItemScore& score, ScoringFormat format,
                                         double temperature = 1);

}  // namespace libquant
