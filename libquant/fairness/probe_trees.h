#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libquant/fairness/options.h"
#include "libquant/model/gradient_pass.h"
#include "libquant/scoring/probe_item.h"
#include "libquant/tokenizer/tokenizer.h"

namespace libquant {

/// A softmax over the options of one item in one form: z_o = weight_o * sum of the
/// log-probabilities of its scored tokens.
struct OptionDistribution {
  struct Option {
    std::size_t first, count;  ///< of ProbeTrees::scored
    double weight;             ///< 1 / count for means per token, 1 for letters
  };
  std::string name;  ///< item id and form: the seed of its signs
  std::vector<Option> options;
};

/// Token trees of probe items: every prompt once, its options as branches.
struct ProbeTrees {
  std::vector<TokenTree> trees;
  std::vector<ScoredToken> scored;
  std::vector<OptionDistribution> distributions;
};

/// Lays out the forms that `options` ask for; of sentences only stereotype and anti. Items that
/// have none of the forms add nothing. A prompt whose rotary embedding changes with the length of
/// the sequence is repeated before each option.
ProbeTrees make_probe_trees(const Tokenizer& tokenizer, const ModelConfig& config,
                            std::span<const ProbeItem> items, const FairnessOptions& options);

/// The pairs of sentences alone, whole, as two branches of one start token: for differences of
/// activations, nothing is scored. With `padding` the shorter sentence is padded with it.
ProbeTrees make_pair_trees(const Tokenizer& tokenizer, std::span<const ProbeItem> items,
                           std::optional<std::int32_t> padding);

/// Windows of text of `window` tokens each, every token after the first scored.
ProbeTrees make_text_trees(std::span<const std::int32_t> tokens, std::size_t window);

}  // namespace libquant
