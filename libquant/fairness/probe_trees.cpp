#include "libquant/fairness/probe_trees.h"

#include <algorithm>
#include <map>
#include <utility>

#include "libquant/core/error.h"
#include "libquant/model/rope.h"
#include "libquant/scoring/item_trees.h"

namespace libquant {
namespace {

using Part = ItemTrees::Part;

// A pair's two sentences; a meaningless third one says nothing about the stereotype.
ProbeItem pair_of(const ProbeItem& item) {
  ProbeItem pair = item;
  std::erase_if(pair.options, [](const ProbeOption& option) {
    return option.role != OptionRole::stereotype && option.role != OptionRole::anti;
  });
  return pair;
}

std::vector<ProbeItem> usable(std::span<const ProbeItem> items, const FairnessOptions& options) {
  std::vector<ProbeItem> kept;
  for (const ProbeItem& item : items) {
    if (item.form == ItemForm::choice) {
      if (options.answers || options.letters) kept.push_back(item);
    } else if (options.sentences) {
      kept.push_back(pair_of(item));
      if (kept.back().options.size() != 2) kept.pop_back();
    }
  }
  return kept;
}

// Prompts with continuations become trees with branches; a branch's last token only gets scored.
class Layout {
 public:
  Layout(std::span<const PromptTree> prompts, const RopeTable& rope, ProbeTrees& into)
      : into_(into) {
    places_.resize(prompts.size());
    for (std::size_t t = 0; t < prompts.size(); ++t) {
      const PromptTree& prompt = prompts[t];
      const bool shared = std::ranges::all_of(prompt.continuations, [&](const auto& next) {
        return rope.same_frequencies(prompt.prefix.size(), prompt.prefix.size() + next.size());
      });
      if (shared) {
        add_shared(prompt, places_[t]);
      } else {
        add_repeated(prompt, places_[t]);
      }
    }
  }

  /// Scored tokens of a part, appended to the result; returns where they begin.
  std::size_t score(const Part& part, std::span<const std::int32_t> tokens) {
    const std::size_t first = into_.scored.size();
    const Place& place = places_[part.tree][part.continuation];
    for (std::size_t i = 0; i < tokens.size(); ++i)
      into_.scored.push_back({i == 0 ? place.before : place.branch + i - 1, tokens[i]});
    return first;
  }

 private:
  struct Place {
    std::size_t before;  // row of the prompt's last token
    std::size_t branch;  // first row of the continuation
  };

  static std::vector<std::int32_t> all_but_last(const std::vector<std::int32_t>& tokens) {
    return {tokens.begin(), tokens.end() - 1};
  }

  void add_shared(const PromptTree& prompt, std::vector<Place>& places) {
    TokenTree tree{prompt.prefix, {}};
    const std::size_t last = rows_ + prompt.prefix.size() - 1;
    rows_ += prompt.prefix.size();
    for (const auto& next : prompt.continuations) {
      places.push_back({last, rows_});
      tree.branches.push_back(all_but_last(next));
      rows_ += next.size() - 1;
    }
    into_.trees.push_back(std::move(tree));
  }

  void add_repeated(const PromptTree& prompt, std::vector<Place>& places) {
    for (const auto& next : prompt.continuations) {
      TokenTree tree{prompt.prefix, {}};
      tree.trunk.insert(tree.trunk.end(), next.begin(), next.end() - 1);
      places.push_back({rows_ + prompt.prefix.size() - 1, rows_ + prompt.prefix.size()});
      rows_ += tree.trunk.size();
      into_.trees.push_back(std::move(tree));
    }
  }

  ProbeTrees& into_;
  std::vector<std::vector<Place>> places_;
  std::size_t rows_ = 0;
};

}  // namespace

ProbeTrees make_probe_trees(const Tokenizer& tokenizer, const ModelConfig& config,
                            std::span<const ProbeItem> items, const FairnessOptions& options) {
  const std::vector<ProbeItem> kept = usable(items, options);
  require(!kept.empty(), "fairness: none of {} probe items has one of the forms asked for",
          items.size());
  const ScoringOptions scoring{.letters = options.letters, .answers = options.answers};
  ItemTrees prompts(tokenizer, scoring);
  for (const ProbeItem& item : kept) prompts.add(item);

  ProbeTrees result;
  const RopeTable rope(config, 1);
  Layout layout(prompts.trees(), rope, result);
  // Options of one item and form lie together, whatever trees they ended up in.
  std::map<std::pair<std::size_t, std::size_t>, std::vector<const Part*>> groups;
  for (const Part& part : prompts.parts()) groups[{part.item, part.order}].push_back(&part);
  for (const auto& [key, parts] : groups) {
    const bool letter = key.second != ItemTrees::kAnswer;
    OptionDistribution distribution;
    distribution.name =
        letter ? fmt::format("{} letters {}", kept[key.first].id, key.second) : kept[key.first].id;
    for (const Part* part : parts) {
      const auto& tokens = prompts.trees()[part->tree].continuations[part->continuation];
      require(!tokens.empty(), "item {}: option {} is empty", kept[key.first].id, part->option);
      distribution.options.push_back({layout.score(*part, tokens), tokens.size(),
                                      letter ? 1 : 1 / static_cast<double>(tokens.size())});
    }
    result.distributions.push_back(std::move(distribution));
  }
  return result;
}

ProbeTrees make_pair_trees(const Tokenizer& tokenizer, std::span<const ProbeItem> items,
                           std::optional<std::int32_t> padding) {
  FairnessOptions sentences;
  sentences.answers = sentences.letters = false;
  const std::vector<ProbeItem> kept = usable(items, sentences);
  require(!kept.empty(), "fairness: none of {} probe items is a pair of sentences", items.size());
  ProbeTrees result;
  for (const ProbeItem& item : kept) {
    ItemTrees pair(tokenizer, {});
    pair.add(item);
    const PromptTree& tree = pair.trees()[0];
    result.trees.push_back({tree.prefix, tree.continuations});
    auto& branches = result.trees.back().branches;
    const std::size_t longest = std::max(branches[0].size(), branches[1].size());
    if (padding)
      for (auto& branch : branches) branch.resize(longest, *padding);
  }
  return result;
}

ProbeTrees make_text_trees(std::span<const std::int32_t> tokens, std::size_t window) {
  require(window > 1 && tokens.size() % window == 0, "{} tokens are no windows of {}",
          tokens.size(), window);
  ProbeTrees result;
  for (std::size_t begin = 0; begin < tokens.size(); begin += window) {
    const auto part = tokens.subspan(begin, window);
    result.trees.push_back({{part.begin(), part.end()}, {}});
    for (std::size_t t = 0; t + 1 < window; ++t) result.scored.push_back({begin + t, part[t + 1]});
  }
  return result;
}

}  // namespace libquant
