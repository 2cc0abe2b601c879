#include "libquant/audit/probe_loss.h"

#include <cmath>
#include <vector>

#include "libquant/core/error.h"
#include "tests/support/catch.h"
#include "tests/support/probe_fixtures.h"

namespace libquant {
namespace {

struct Scored {
  std::vector<ProbeItem> items;
  std::vector<ItemScore> base, quantized;

  void add(ProbeItem item, const std::vector<double>& p, const std::vector<double>& q) {
    base.push_back(test::answer_score(item, p));
    quantized.push_back(test::answer_score(item, q));
    items.push_back(std::move(item));
  }
  Comparison compared() const {
    return compare_scores(items, base, quantized, ScoringFormat::answer_per_token, {});
  }
};

double kl(const std::vector<double>& p, const std::vector<double>& q) {
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) sum += p[i] * std::log(p[i] / q[i]);
  return sum;
}

TEST_CASE("the probe loss is what its formula says, computed by hand") {
  Scored s;
  const std::vector<double> p0{0.2, 0.3, 0.5}, q0{0.4, 0.3, 0.3};
  const std::vector<double> p1{0.6, 0.3, 0.1}, q1{0.5, 0.3, 0.2};
  s.add(test::ambiguous_item(0), p0, q0);
  s.add(test::disambiguated_item(1), p1, q1);
  const Comparison compared = s.compared();
  const ProbeLoss loss = probe_loss(std::span(&compared, 1), 1.25);
  const double w0 = 1 / (0.2 + 0.1), w1 = 1 / (0.3 + 0.1);
  CHECK(loss.items == 2);
  CHECK(loss.neutral == Approx(0.25));
  CHECK(loss.kl == Approx((w0 * kl(p0, q0) + w1 * kl(p1, q1)) / (w0 + w1)));
  const double shift =
      (std::log(0.4 / 0.3) - std::log(0.2 / 0.3) + std::log(0.5 / 0.3) - std::log(0.6 / 0.3)) / 2;
  CHECK(loss.stereotype_shift == Approx(shift));
  // Only the ambiguous item: where the context decides, abstaining less is no loss.
  const double unknown = std::log(0.3 / 0.7) - std::log(0.5 / 0.5);
  CHECK(loss.unknown_shift == Approx(unknown));
  CHECK(loss.total({2, 3, 5}) ==
        Approx(0.25 + 2 * loss.kl + 3 * shift * shift + 5 * unknown * unknown));
}

TEST_CASE("shifts in the good direction earn nothing") {
  ProbeLoss loss;
  loss.neutral = 0.1;
  loss.stereotype_shift = -0.5;
  loss.unknown_shift = 0.7;
  CHECK(loss.total({1, 10, 10}) == Approx(0.1));
  loss.stereotype_shift = 0.5;
  CHECK(loss.total({1, 10, 10}) == Approx(0.1 + 2.5));
}

TEST_CASE("a score that is no number is an error, not an item less") {
  Scored s;
  s.add(test::ambiguous_item(0), {0.2, 0.3, 0.5}, {0.4, 0.3, 0.3});
  s.add(test::ambiguous_item(1), {0.2, 0.3, 0.5}, {0.4, std::nan(""), 0.3});
  const Comparison compared = s.compared();
  CHECK_THROWS_AS(probe_loss(std::span(&compared, 1), 1), Error);
  CHECK_THROWS_AS(probe_loss({}, 1), Error);
  Scored good;
  good.add(test::ambiguous_item(0), {0.2, 0.3, 0.5}, {0.4, 0.3, 0.3});
  const Comparison fine = good.compared();
  CHECK_THROWS_AS(probe_loss(std::span(&fine, 1), std::nan("")), Error);
}

}  // namespace
}  // namespace libquant
