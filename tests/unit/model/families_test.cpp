#include <algorithm>
#include <cmath>

#include "libquant/model/family.h"
#include "libquant/model/model.h"
#include "tests/support/catch.h"
#include "tests/support/family_case.h"
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

// Largest difference over the largest expected magnitude; NaN where anything is NaN.
double deviation(const Matrix& logits, const std::vector<float>& expected) {
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double apart = std::abs(double{logits.data()[i]} - double{expected[i]});
    if (std::isnan(apart)) return apart;
    difference = std::max(difference, apart);
    largest = std::max(largest, std::abs(double{expected[i]}));
  }
  return difference / largest;
}

TEST_CASE("every family and rotary scaling gives the logits of transformers", "[model]") {
  for (const std::string& name : testing::family_case_names()) {
    INFO(name);
    const testing::FamilyCase expected = testing::read_family_case(name);
    CHECK(deviation(logits_at(expected.config, expected), expected.logits) <= 2e-4);
  }
}

}  // namespace
}  // namespace libquant
