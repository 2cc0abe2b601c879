#pragma once
// Small probe items and scores for the audit's tests.

#include <cmath>
#include <string>
#include <vector>

#include "libquant/scoring/probe_item.h"
#include "libquant/scoring/score_items.h"

namespace libquant::test {

/// An ambiguous three-way item: option 0 is the stereotyped one, 1 the other group, 2 unknown.
inline ProbeItem ambiguous_item(int number, int items_per_template = 4) {
  ProbeItem item;
  item.id = "bbq/Test/" + std::to_string(number);
  item.set = "bbq";
  item.category = "Test";
  item.group = number % 2 == 0 ? "first" : "second";
  item.polarity = number % 4 < 2 ? "neg" : "nonneg";
  item.condition = Condition::ambiguous;
  item.template_id = "Test/" + std::to_string(number / items_per_template);
  item.context = "Two people waited.";
  item.question = "Who left?";
  item.options = {{"one", OptionRole::stereotype},
                  {"other", OptionRole::anti},
                  {"nobody knows", OptionRole::unknown}};
  item.correct = 2;
  return item;
}

/// The same with a context that decides; option `number % 2` is right.
inline ProbeItem disambiguated_item(int number, int items_per_template = 4) {
  ProbeItem item = ambiguous_item(number, items_per_template);
  item.id += "/disambiguated";
  item.condition = Condition::disambiguated;
  item.correct = number % 2;
  return item;
}

/// Scores whose per-token answer probabilities are `p`.
inline ItemScore answer_score(const ProbeItem& item, const std::vector<double>& p) {
  ItemScore score;
  score.id = item.id;
  for (const double value : p) {
    score.answers.push_back(std::log(value));
    score.answer_tokens.push_back(1);
    score.answer_bytes.push_back(1);
  }
  return score;
}

}  // namespace libquant::test
