#include "libquant/scoring/item_trees.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "libquant/core/error.h"
#include "libquant/model/prefix_tree.h"
#include "libquant/stats/distance.h"
#include "libquant/tokenizer/chat.h"

namespace libquant {
namespace {

std::string letter(std::size_t index) { return std::string(1, static_cast<char>('A' + index)); }

// A reply begins its own turn; a plain text goes on after a space.
std::string spaced(std::string_view text, ChatFormat chat) {
  return chat == ChatFormat::none ? fmt::format(" {}", text) : std::string(text);
}

// "A, B, or C"
std::string letter_list(std::size_t count) {
  std::string list;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) list.append(i + 1 == count ? ", or " : ", ");
    list.append(letter(i));
  }
  return list;
}

std::string user_turn(std::string_view system, std::string_view user, const TokenizerSpec& spec,
                      ChatFormat chat) {
  std::vector<ChatMessage> messages;
  if (!system.empty()) messages.push_back({"system", std::string(system)});
  messages.push_back({"user", std::string(user)});
  return render_chat(chat, spec, messages, true);
}

double sum(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

std::string answer_prompt(const ProbeItem& item, const TokenizerSpec& spec, ChatFormat chat) {
  const std::string context = item.context.empty() ? "" : item.context + "\n\n";
  if (chat != ChatFormat::none)
    return user_turn("", item.prompt.empty() ? context + item.question : item.prompt, spec, chat);
  return item.prompt.empty() ? fmt::format("{}Q: {}\nA:", context, item.question) : item.prompt;
}

std::string letter_prompt(const ProbeItem& item, std::size_t first, const TokenizerSpec& spec,
                          ChatFormat chat) {
  const std::size_t count = item.options.size();
  std::string text = item.context.empty() ? "" : fmt::format("Context: {}\n\n", item.context);
  text += fmt::format("Question: {}\n\n", item.question.empty() ? item.prompt : item.question);
  for (std::size_t i = 0; i < count; ++i)
    text += fmt::format("{}) {}\n", letter(i), item.options[(first + i) % count].text);
  text += "\nAnswer:";
  const std::string instruction = fmt::format(
      "Answer the following multiple choice question by responding with only the letter ({}) of "
      "your chosen answer.",
      letter_list(count));
  return chat == ChatFormat::none ? instruction + "\n\n" + text
                                  : user_turn(instruction, text, spec, chat);
}

void ItemTrees::add(const ProbeItem& item) {
  require(item.options.size() >= 2 && item.options.size() <= 26, "item {} has {} options", item.id,
          item.options.size());
  items_.push_back(&item);
  if (item.form == ItemForm::sentences) {
    add_sentences(item);
    return;
  }
  if (options_.answers) add_answers(item);
  if (options_.letters) add_letters(item);
}

void ItemTrees::add_continuation(std::size_t tree, const std::string& prompt,
                                 const std::string& text, std::size_t order, std::size_t option) {
  const std::vector<std::int32_t> whole = tokenizer_.encode(prompt + text);
  const std::size_t shared = common_prefix(trees_[tree].prefix, whole);
  require(shared > 0 && shared < whole.size(), "item {}: option {} adds no token to its prompt",
          items_.back()->id, option);
  const auto cut = whole.begin() + static_cast<std::ptrdiff_t>(shared);
  if (shared != trees_[tree].prefix.size()) {
    // The option changes how the prompt's end is tokenized: it gets a tree with the shorter prefix.
    trees_.push_back({{whole.begin(), cut}, {}});
    tree = trees_.size() - 1;
  }
  trees_[tree].continuations.emplace_back(cut, whole.end());
  parts_.push_back({tree, trees_[tree].continuations.size() - 1, items_.size() - 1, order, option});
}

void ItemTrees::add_answers(const ProbeItem& item) {
  const std::string prompt = answer_prompt(item, tokenizer_.spec(), options_.chat);
  trees_.push_back({tokenizer_.encode(prompt), {}});
  const std::size_t tree = trees_.size() - 1;
  for (std::size_t i = 0; i < item.options.size(); ++i) {
    add_continuation(tree, prompt, spaced(item.options[i].text, options_.chat), kAnswer, i);
  }
}

void ItemTrees::add_letters(const ProbeItem& item) {
  const std::size_t count = item.options.size();
  for (std::size_t first = 0; first < count; ++first) {
    const std::string prompt = letter_prompt(item, first, tokenizer_.spec(), options_.chat);
    trees_.push_back({tokenizer_.encode(prompt), {}});
    const std::size_t tree = trees_.size() - 1;
    for (std::size_t i = 0; i < count; ++i) {
      add_continuation(tree, prompt, spaced(letter(i), options_.chat), first, (first + i) % count);
    }
  }
}

void ItemTrees::add_sentences(const ProbeItem& item) {
  // Sentences begin after BOS, or after EOS where there is no BOS: both end what went before.
  const TokenizerSpec& spec = tokenizer_.spec();
  const std::int32_t start = spec.bos >= 0 ? spec.bos : spec.eos;
  require<NotSupported>(
      start >= 0, "item {}: the tokenizer has neither BOS nor EOS to begin a sentence", item.id);
  trees_.push_back({{start}, {}});
  for (std::size_t i = 0; i < item.options.size(); ++i) {
    trees_.back().continuations.push_back(
        tokenizer_.encode(item.options[i].text, {.add_special = false, .parse_special = false}));
    parts_.push_back({trees_.size() - 1, i, items_.size() - 1, kAnswer, i});
  }
}

std::vector<ItemScore> ItemTrees::collect(const std::vector<TreeScores>& scores) const {
  std::vector<ItemScore> out(items_.size());
  for (std::size_t i = 0; i < items_.size(); ++i) out[i].id = items_[i]->id;
  for (const Part& part : parts_) {
    const std::size_t count = items_[part.item]->options.size();
    ItemScore& score = out[part.item];
    const auto& values = scores[part.tree].continuations[part.continuation];
    if (part.order == kAnswer) {
      score.answers.resize(count);
      score.answer_tokens.resize(count);
      score.answer_bytes.resize(count);
      score.answers[part.option] = sum(values);
      score.answer_tokens[part.option] = values.size();
      score.answer_bytes[part.option] = items_[part.item]->options[part.option].text.size();
    } else {
      score.letter_orders.resize(count * count);
      score.letter_orders[part.order * count + part.option] = sum(values);
    }
  }
  for (ItemScore& score : out) {
    if (score.letter_orders.empty()) continue;
    const auto count = static_cast<std::size_t>(std::lround(std::sqrt(score.letter_orders.size())));
    score.letters.assign(count, 0.0);
    for (std::size_t order = 0; order < count; ++order) {
      const auto row = std::span(score.letter_orders).subspan(order * count, count);
      const std::vector<double> p = softmax(row);
      for (std::size_t i = 0; i < count; ++i) {
        row[i] = std::log(p[i]);
        score.letters[i] += row[i] / static_cast<double>(count);
      }
    }
  }
  return out;
}

}  // namespace libquant
