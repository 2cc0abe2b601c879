#include <algorithm>

#include "libquant/model/family.h"
#include "libquant/model/model.h"
#include "tests/support/catch.h"
#include "tests/support/family_case.h"
#include "tests/support/logits_distance.h"
#include "tests/support/memory_source.h"

namespace libquant {
namespace {

Matrix logits_at(const ModelConfig& config, const testing::FamilyCase& expected) {
  const Model model{testing::MemorySource(config)};
  const Matrix hidden = model.hidden_states({expected.ids, {expected.ids.size()}});
  Matrix rows(expected.positions.size(), config.hidden_size);
  for (std::size_t i = 0; i < expected.positions.size(); ++i)
    std::ranges::copy(hidden.row(expected.positions[i]), rows.row(i).begin());
  return model.logits(rows);
}

ConstMatrixView logits_of(const testing::FamilyCase& expected) {
  const std::size_t vocabulary = expected.config.vocabulary_size;
  return {expected.logits.data(), expected.positions.size(), vocabulary, vocabulary};
}

TEST_CASE("every family and rotary scaling gives the logits of transformers", "[model]") {
  for (const std::string& name : testing::family_case_names()) {
    INFO(name);
    const testing::FamilyCase expected = testing::read_family_case(name);
    CHECK(testing::distance(logits_at(expected.config, expected), logits_of(expected)) <= 2e-4);
  }
}

TEST_CASE("the expectations notice what a family or a scaling changes", "[model]") {
  for (const std::string& name : testing::family_case_names()) {
    const testing::FamilyCase expected = testing::read_family_case(name);
    const RopeConfig& rope = expected.config.rope;
    const bool scaled =
        rope.scaling != RopeConfig::Scaling::none || !rope.frequency_factors.empty();
    // Dynamic scaling is none as long as the sequence fits.
    if ((!scaled && expected.config.sliding_window == 0) || name == "llama_dynamic_short") continue;
    ModelConfig plain = expected.config;
    plain.rope = RopeConfig();
    plain.rope.theta = rope.theta;
    plain.max_positions = 256;
    plain.sliding_window = 0;
    INFO(name);
    CHECK(testing::distance(logits_at(plain, expected), logits_of(expected)) > 1e-2);
  }
}

}  // namespace
}  // namespace libquant
