#include "libquant/fairness/splits.h"

#include <algorithm>
#include <array>
#include <string>

#include "libquant/core/error.h"
#include "libquant/core/hash.h"
#include "tests/support/catch.h"
#include "tests/support/probe_fixtures.h"

namespace libquant {
namespace {

std::vector<ProbeItem> items(int count) {
  std::vector<ProbeItem> made;
  for (int i = 0; i < count; ++i) made.push_back(test::ambiguous_item(i));
  return made;
}

TEST_CASE("splits hold 60, 20 and 20 % of the templates", "[fairness]") {
  std::array<double, 3> share{};
  constexpr int kTemplates = 20000;
  for (int i = 0; i < kTemplates; ++i)
    share[static_cast<std::size_t>(split_of(fmt::format("set/category/{}", i)))] +=
        1.0 / kTemplates;
  // Four standard deviations of a share of 20,000 independent draws.
  CHECK(std::fabs(share[0] - 0.6) < 0.014);
  CHECK(std::fabs(share[1] - 0.2) < 0.0115);
  CHECK(std::fabs(share[2] - 0.2) < 0.0115);
}

TEST_CASE("a template's split never changes: it is a published hash of its name", "[fairness]") {
  for (const char* name : {"bbq/Age/1", "stereoset/race/x", "", "pairs/7"}) {
    const std::uint64_t percent = hash64("libquant split 1/" + std::string(name)) % 100;
    const ProbeSplit expected = percent < 60   ? ProbeSplit::calibrate
                                : percent < 80 ? ProbeSplit::select
                                               : ProbeSplit::evaluate;
    CHECK(split_of(name) == expected);
  }
}

TEST_CASE("every item is in exactly one split, together with its template", "[fairness]") {
  const auto all = items(400);
  std::size_t total = 0;
  for (const auto split : {ProbeSplit::calibrate, ProbeSplit::select, ProbeSplit::evaluate}) {
    const auto part = items_of(all, split);
    CHECK(part.size() % 4 == 0);  // whole templates of four
    for (const ProbeItem& item : part) CHECK(split_of(item.template_id) == split);
    total += part.size();
  }
  CHECK(total == all.size());
}

TEST_CASE("overlap with what shaped a model is an error that names the template", "[fairness]") {
  const auto all = items(400);
  const auto calibrated = items_of(all, ProbeSplit::calibrate);
  const auto evaluated = items_of(all, ProbeSplit::evaluate);
  const auto used = template_hashes(calibrated);
  CHECK(std::ranges::is_sorted(used));
  CHECK(used.size() == calibrated.size() / 4);
  CHECK_NOTHROW(check_disjoint(used, evaluated, "calibration"));
  auto mixed = evaluated;
  mixed.push_back(calibrated[0]);
  CHECK_THROWS_WITH(check_disjoint(used, mixed, "calibration"),
                    testing::contains_text(calibrated[0].template_id) &&
                        testing::contains_text("1 templates were used for calibration"));
  CHECK_THROWS_AS(check_disjoint(used, mixed, "calibration"), InvalidArgument);
}

}  // namespace
}  // namespace libquant
