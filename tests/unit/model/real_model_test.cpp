#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/model/model.h"
#include "libquant/scoring/evaluate.h"
#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tests/support/real_data.h"

namespace libquant {
namespace {

// What tests/tools/make_smollm2_logits.py wrote.
struct Expected {
  std::vector<std::int32_t> ids;
  double negative_log_likelihood = 0, largest = 0;
  std::size_t stride = 0;
  std::vector<std::pair<std::size_t, std::vector<double>>> logits;  ///< at a position, strided
};

template <typename T>
std::vector<T> rest_of(std::istream& line) {
  std::vector<T> values;
  for (T value; line >> value;) values.push_back(value);
  return values;
}

Expected read_expected() {
  Expected expected;
  std::ifstream file(testing::test_folder() + "/golden/smollm2.logits.txt");
  for (std::string content; std::getline(file, content);) {
    std::istringstream line(content);
    std::string key;
    line >> key;
    if (key == "ids") expected.ids = rest_of<std::int32_t>(line);
    if (key == "negative_log_likelihood") line >> expected.negative_log_likelihood;
    if (key == "largest") line >> expected.largest;
    if (key == "stride") line >> expected.stride;
    if (key == "position") {
      std::size_t position = 0;
      line >> position;
      expected.logits.emplace_back(position, rest_of<double>(line));
    }
  }
  return expected;
}

TEST_CASE("SmolLM2 from GGUF has the logits and the perplexity that transformers computes",
          "[model]") {
  const auto path = testing::demonstration_model();
  if (!path) return;
  const Expected expected = read_expected();
  REQUIRE(expected.ids.size() == 300);
  REQUIRE(expected.logits.size() == 3);
  const Model model(*open_checkpoint(*path));
  const std::size_t vocabulary = model.config().vocabulary_size;
  const Matrix hidden = model.hidden_states({expected.ids, {expected.ids.size()}});
  for (const auto& [position, values] : expected.logits) {
    REQUIRE(values.size() == (vocabulary + expected.stride - 1) / expected.stride);
    const Matrix logits = model.logits(hidden.view().row_range(position, 1));
    double difference = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double apart = std::abs(double{logits(0, i * expected.stride)} - values[i]);
      if (!(apart <= difference)) difference = apart;  // NaN sticks
    }
    INFO("position " << position);
    CHECK(difference <= 2e-4 * expected.largest);
  }
  // A mean over 299 tokens of logits that are each within 2e-4 of the largest (38).
  const EvalResult result = evaluate(model, nullptr, expected.ids, {});
  CHECK(result.scored_tokens == 299);
  CHECK(std::abs(result.negative_log_likelihood - expected.negative_log_likelihood) <= 1e-3);
}

}  // namespace
}  // namespace libquant
