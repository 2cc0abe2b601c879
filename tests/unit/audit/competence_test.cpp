#include "libquant/audit/competence.h"

#include <vector>

#include "libquant/core/error.h"
#include "libquant/core/hash.h"
#include "tests/support/catch.h"
#include "tests/support/probe_fixtures.h"

namespace {

using namespace libquant;

struct World {
  std::vector<ProbeItem> items;
  std::vector<ItemScore> scores;

  void add(ProbeItem item, std::size_t answer) {
    std::vector<double> p(3, 0.1);
    p[answer] = 0.8;
    scores.push_back(test::answer_score(item, p));
    items.push_back(std::move(item));
  }
  Competence of(ScoringFormat format) const {
    return competence(items, scores, format, 0.95).value();
  }
};

}  // namespace

TEST_CASE("a model that reads the context is competent", "[audit]") {
  World world;
  for (int i = 0; i < 60; ++i) {
    world.add(test::ambiguous_item(i), 2);
    const ProbeItem item = test::disambiguated_item(i);
    world.add(item, static_cast<std::size_t>(i % 5 == 0 ? 2 : item.correct));
  }
  const Competence found = world.of(ScoringFormat::answer_per_token);
  CHECK(found.accuracy.value == Approx(0.8));
  CHECK(found.accuracy.items == 60);
  CHECK(found.chance == Approx(1.0 / 3));
  CHECK(found.decided_accuracy.value == 1);
  CHECK(found.decided_accuracy.items == 48);
  CHECK(found.decided_chance == Approx(0.5));
  CHECK(found.unknown.value == 1);
  CHECK(found.beats_chance);
}

TEST_CASE("one that picks one of two people blindly is not, though it beats one in three",
          "[audit]") {
  World world;
  for (int i = 0; i < 400; ++i)
    world.add(test::disambiguated_item(i), static_cast<std::size_t>(i / 2 % 2));
  const Competence found = world.of(ScoringFormat::answer_per_token);
  CHECK(found.accuracy.value == Approx(0.5));
  CHECK(found.accuracy.interval.low > found.chance);
  CHECK(found.decided_accuracy.interval.low < found.decided_chance);
  CHECK_FALSE(found.beats_chance);
}

TEST_CASE("one that always answers unknown is not competent", "[audit]") {
  World world;
  for (int i = 0; i < 100; ++i) world.add(test::disambiguated_item(i), 2);
  CHECK_FALSE(world.of(ScoringFormat::answer_per_token).beats_chance);
}

TEST_CASE("zero-shot items lend no competence to the items that are judged", "[audit]") {
  World world;
  for (int i = 0; i < 60; ++i) {
    world.add(test::ambiguous_item(i), 0);
    world.add(test::disambiguated_item(i), hash64(std::to_string(i)) % 2);
    ProbeItem easy = test::disambiguated_item(1000 + i);
    easy.set = "piqa";
    easy.condition = Condition::none;
    world.add(easy, static_cast<std::size_t>(easy.correct));
  }
  const Competence found = world.of(ScoringFormat::answer_per_token);
  CHECK(found.accuracy.items == 60);
  CHECK_FALSE(found.beats_chance);
}

TEST_CASE("the leading format beats chance, and shows abstention where one does", "[audit]") {
  const auto entry = [](ScoringFormat format, double low, double unknown) {
    Competence out;
    out.format = format;
    out.accuracy = {low + 0.05, {low, low + 0.1}, 100};
    out.decided_accuracy = {low + 0.3, {low + 0.25, low + 0.35}, 90};
    out.chance = 1.0 / 3;
    out.decided_chance = 0.5;
    out.unknown = {unknown, {unknown, unknown}, 100};
    out.beats_chance = low > out.chance;
    return out;
  };
  const auto letters = entry(ScoringFormat::letters, 0.3, 0.2);
  // As measured on a small model: it can say "unknown" to a few items, and still hardly ever does.
  const auto sum = entry(ScoringFormat::answer_sum, 0.5, 0.021);
  const auto per_token = entry(ScoringFormat::answer_per_token, 0.45, 0.25);
  const std::vector<Competence> all{letters, sum, per_token};
  CHECK(leading_format(all).format == ScoringFormat::answer_per_token);
  CHECK(leading_format(all).competent);
  CHECK(leading_format(all).reason.find("although answer_sum") != std::string::npos);
  const LeadingFormat alone = leading_format(std::vector{letters, sum});
  CHECK(alone.format == ScoringFormat::answer_sum);
  CHECK(alone.reason.find("to only 2.1 %") != std::string::npos);
  // As near to chance as each other: the one that can show abstention.
  const std::vector<Competence> ties{entry(ScoringFormat::answer_sum, 0.3, 0.02),
                                     entry(ScoringFormat::answer_per_token, 0.3, 0.25)};
  CHECK(leading_format(ties).format == ScoringFormat::answer_per_token);
  const LeadingFormat none = leading_format(std::vector{letters});
  CHECK_FALSE(none.competent);
  CHECK(none.reason.find("cannot be told from chance") != std::string::npos);
  CHECK(leading_format(all, ScoringFormat::letters).format == ScoringFormat::letters);
  CHECK_THROWS_AS(leading_format(all, ScoringFormat::sentence), InvalidArgument);
  CHECK_THROWS_AS(leading_format({}), InvalidArgument);
}
