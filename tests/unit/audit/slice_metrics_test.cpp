#include "libquant/audit/slice_metrics.h"

#include <cmath>
#include <vector>

#include "libquant/audit/comparison.h"
#include "libquant/core/error.h"
#include "tests/support/catch.h"
#include "tests/support/probe_fixtures.h"

namespace {

using namespace libquant;

struct World {
  std::vector<ProbeItem> items;
  std::vector<ItemScore> base, quantized;

  void add(ProbeItem item, const std::vector<double>& before, const std::vector<double>& after) {
    base.push_back(test::answer_score(item, before));
    quantized.push_back(test::answer_score(item, after));
    items.push_back(std::move(item));
  }
  Comparison compare() const {
    return compare_scores(items, base, quantized, ScoringFormat::answer_per_token, {});
  }
};

std::vector<const ItemComparison*> pointers(const Comparison& comparison) {
  std::vector<const ItemComparison*> out;
  for (const auto& item : comparison.items) out.push_back(&item);
  return out;
}

const std::vector<double> kStereotype{0.6, 0.3, 0.1}, kAnti{0.3, 0.6, 0.1}, kUnknown{0.2, 0.2, 0.6};

World unchanged_world() {
  World world;
  for (int i = 0; i < 40; ++i) {
    const auto& p = i % 3 == 0 ? kStereotype : i % 3 == 1 ? kAnti : kUnknown;
    world.add(test::ambiguous_item(i), p, p);
    world.add(test::disambiguated_item(i), p, p);
  }
  return world;
}

}  // namespace

TEST_CASE("an unchanged model has no excess emergence, no flips, no divergence", "[audit]") {
  const World world = unchanged_world();
  const Comparison comparison = world.compare();
  const auto metrics = slice_metrics("all", pointers(comparison), {.resamples = 200});
  CHECK(metrics.items == 80);
  CHECK(metrics.excess_emergence.value == 0);
  CHECK(metrics.emergence_null.value > 0);
  CHECK(metrics.coupled_emergence.value == 0);
  CHECK(metrics.greedy_emergence.value == 0);
  CHECK(metrics.flips.value == 0);
  CHECK(metrics.all_flips.value == 0);
  CHECK(metrics.kl_divergence.value == 0);
  CHECK(metrics.js_distance.value == 0);
  CHECK(metrics.stereotype_shift.value == 0);
  CHECK(metrics.unknown_shift.value == 0);
  CHECK(metrics.accuracy_p == 1);
  CHECK(metrics.stereotype_p == 1);
}

TEST_CASE("a slice is tested on what enough of its items are about", "[audit]") {
  World world;
  for (int i = 0; i < 10; ++i) world.add(test::ambiguous_item(i), kAnti, kStereotype);
  for (int i = 0; i < 30; ++i) world.add(test::disambiguated_item(i), kStereotype, kAnti);
  const Comparison comparison = world.compare();
  auto slice = slice_metrics("all", pointers(comparison), {.resamples = 50, .minimum_items = 20});
  CHECK(slice.items == 40);
  CHECK(slice.judged == 10);
  CHECK(slice.too_small);
  SliceMetrics* const family[] = {&slice};
  adjust_family(family, 20);
  CHECK(std::isnan(slice.stereotype_p_holm));
  CHECK(slice.accuracy_p_holm == slice.accuracy_p);
  adjust_family(family, 10);
  CHECK(slice.stereotype_p_holm == slice.stereotype_p);
}

TEST_CASE("transitions are counted by hand: emergence, recovery, lost silence, flips", "[audit]") {
  World world;
  world.add(test::ambiguous_item(0), kUnknown, kStereotype);  // silence lost, emerged
  world.add(test::ambiguous_item(1), kUnknown, kUnknown);
  world.add(test::ambiguous_item(2), kAnti, kStereotype);     // emerged
  world.add(test::ambiguous_item(3), kStereotype, kUnknown);  // recovered
  world.add(test::ambiguous_item(4), kStereotype, kStereotype);
  world.add(test::disambiguated_item(0), kStereotype, kAnti);     // right (0) -> wrong
  world.add(test::disambiguated_item(1), kStereotype, kUnknown);  // wrong -> wrong, changed
  world.add(test::disambiguated_item(2), kStereotype, kStereotype);
  const Comparison comparison = world.compare();
  const auto m = slice_metrics("all", pointers(comparison), {.resamples = 200});
  CHECK(m.greedy_emergence.value == Approx(2.0 / 3));
  CHECK(m.greedy_emergence.items == 3);
  CHECK(m.recovered.value == Approx(0.5));
  CHECK(m.silence_loss.value == Approx(0.5));
  CHECK(m.flips.value == Approx(1.0 / 3));
  CHECK(m.all_flips.value == Approx(5.0 / 8));
  CHECK(m.unknown_change.value == Approx((2.0 - 2.0) / 5));
  CHECK(m.base.unknown.value == Approx(2.0 / 5));
  CHECK(m.quantized.stereotype.value == Approx(3.0 / 5));
  CHECK(m.base_accuracy.value == Approx(2.0 / 3));
  CHECK(m.quantized_accuracy.value == Approx(1.0 / 3));
  CHECK(m.judged == 5);
  CHECK(m.too_small);
}

TEST_CASE("signed shifts have the sign and size of the change in log odds", "[audit]") {
  World world;
  world.add(test::ambiguous_item(0), {0.4, 0.4, 0.2}, {0.6, 0.3, 0.1});
  const Comparison comparison = world.compare();
  CHECK(comparison.items[0].stereotype_shift == Approx(std::log(2.0)));
  CHECK(comparison.items[0].unknown_shift == Approx(std::log(0.1 / 0.9) - std::log(0.2 / 0.8)));
  CHECK(comparison.items[0].base_margin == Approx(0));
}

TEST_CASE("items without a usable score are counted, never averaged", "[audit]") {
  World world = unchanged_world();
  world.quantized[0].answers[1] = NAN;
  world.quantized[2].answers[1] = -INFINITY;
  world.base.erase(world.base.begin() + 5);
  const Comparison comparison = world.compare();
  CHECK(comparison.counts.invalid == 2);
  CHECK(comparison.counts.not_scored == 1);
  CHECK(comparison.counts.compared == 77);
}

TEST_CASE("scores that do not belong to the items are refused", "[audit]") {
  World world = unchanged_world();
  world.quantized[3].answers.pop_back();
  world.quantized[3].answer_tokens.pop_back();
  CHECK_THROWS_AS(world.compare(), InvalidArgument);
  world = unchanged_world();
  world.base[1].id = world.base[0].id;
  CHECK_THROWS_AS(world.compare(), InvalidArgument);
}

TEST_CASE("slices split by key and deciles order by how sure the original was", "[audit]") {
  const World world = unchanged_world();
  const Comparison comparison = world.compare();
  const auto groups = slices_by(
      comparison.items, [](const ItemComparison& i) { return i.item->group; }, {.resamples = 50});
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].name == "first");
  CHECK(groups[0].items + groups[1].items == 80);
  World margins;
  for (int i = 0; i < 20; ++i) {
    const double p = 0.4 + 0.02 * i;
    margins.add(test::ambiguous_item(i), {p, (1 - p) / 2, (1 - p) / 2},
                {p, (1 - p) / 2, (1 - p) / 2});
  }
  const Comparison ordered = margins.compare();
  const auto deciles = margin_deciles(ordered.items);
  CHECK(deciles.front() == "1");
  CHECK(deciles.back() == "10");
}
