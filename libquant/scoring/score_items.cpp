#include "libquant/scoring/score_items.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <tuple>

#include "libquant/core/error.h"
#include "libquant/scoring/item_trees.h"
#include "libquant/stats/distance.h"

namespace libquant {
namespace {

struct FormatName {
  ScoringFormat format;
  std::string_view name;
};
constexpr std::array<FormatName, 5> kNames{
    {{ScoringFormat::letters, "letters"},
     {ScoringFormat::answer_sum, "answer_sum"},
     {ScoringFormat::answer_per_token, "answer_per_token"},
     {ScoringFormat::sentence, "sentence"},
     {ScoringFormat::sentence_per_token, "sentence_per_token"}}};

bool per_token(ScoringFormat format) {
  return format == ScoringFormat::answer_per_token || format == ScoringFormat::sentence_per_token;
}

// Items whose prompts begin alike follow one another.
std::vector<std::size_t> sharing_order(std::span<const ProbeItem> items) {
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t i) {
    const ProbeItem& item = items[i];
    return std::tie(item.form, item.context, item.prompt, item.question);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  return order;
}

}  // namespace

std::string_view to_string(ScoringFormat format) noexcept {
  return kNames[static_cast<std::size_t>(format)].name;
}

ScoringFormat scoring_format_from(std::string_view name) {
  std::vector<std::string_view> known;
  for (const FormatName& entry : kNames) {
    if (entry.name == name) return entry.format;
    known.push_back(entry.name);
  }
  fail<InvalidArgument>("unknown scoring format \"{}\"; known: {}", name, fmt::join(known, ", "));
}

std::span<const ScoringFormat> scoring_formats() noexcept {
  static constexpr std::array kAll{ScoringFormat::letters, ScoringFormat::answer_sum,
                                   ScoringFormat::answer_per_token, ScoringFormat::sentence,
                                   ScoringFormat::sentence_per_token};
  return kAll;
}

ItemForm form_of(ScoringFormat format) noexcept {
  const bool sentences =
      format == ScoringFormat::sentence || format == ScoringFormat::sentence_per_token;
  return sentences ? ItemForm::sentences : ItemForm::choice;
}

std::vector<ItemScore> score_items(const Model& model, const Tokenizer& tokenizer,
                                   std::span<const ProbeItem> items, const ScoringOptions& options,
                                   const std::function<void(const ItemScore&)>& on_item,
                                   const ProgressCallback& progress, TreeCost* cost) {
  require(options.batch_items > 0, "scoring needs batches of at least one item");
  const std::vector<std::size_t> order = sharing_order(items);
  std::vector<ItemScore> scores(items.size());
  for (std::size_t begin = 0; begin < items.size(); begin += options.batch_items) {
    const std::size_t count = std::min(options.batch_items, items.size() - begin);
    const auto batch = std::span(order).subspan(begin, count);
    ItemTrees trees(tokenizer, options);
    for (const std::size_t i : batch) trees.add(items[i]);
    std::vector<ItemScore> finished = trees.collect(model.score_trees(trees.trees(), cost));
    for (std::size_t k = 0; k < count; ++k) {
      if (on_item) on_item(finished[k]);
      scores[batch[k]] = std::move(finished[k]);
    }
    const Progress step{"scoring items", static_cast<double>(begin + count),
                        static_cast<double>(items.size())};
    if (progress && !progress(step))
      fail<Interrupted>("scoring was stopped after {} of {} items", begin + count, items.size());
  }
  return scores;
}

std::vector<double> option_probabilities(const ItemScore& score, ScoringFormat format,
                                         double temperature) {
  std::vector<double> logs = format == ScoringFormat::letters ? score.letters : score.answers;
  if (logs.empty()) return {};
  if (per_token(format)) {
    require(score.answer_tokens.size() == logs.size(), "item {}: {} options, {} token counts",
            score.id, logs.size(), score.answer_tokens.size());
    for (std::size_t i = 0; i < logs.size(); ++i)
      logs[i] /= static_cast<double>(score.answer_tokens[i]);
  }
  const bool usable =
      std::none_of(logs.begin(), logs.end(), [](double v) { return std::isnan(v); }) &&
      std::any_of(logs.begin(), logs.end(), [](double v) { return std::isfinite(v); });
  // A score without numbers stays visible as such: the comparison counts it as invalid.
  if (!usable) return std::vector<double>(logs.size(), std::nan(""));
  return softmax(logs, temperature);
}

}  // namespace libquant
