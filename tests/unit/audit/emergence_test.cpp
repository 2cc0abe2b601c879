#include "libquant/audit/emergence.h"

#include <cmath>
#include <vector>

#include "libquant/core/error.h"
#include "libquant/core/rng.h"
#include "tests/support/catch.h"

namespace {

std::vector<double> two_options(double stereotype) {
  return {std::log(stereotype), std::log(1 - stereotype)};
}

}  // namespace

TEST_CASE("closed-form emergence and its null give the published test vector", "[audit]") {
  const libquant::EmergenceOptions options{.temperature = 1, .samples = 5};
  const double before[2] = {0.01, 0.2}, after[2] = {0.05, 0.3};
  double base = 0, observed = 0, null = 0;
  for (int i = 0; i < 2; ++i) {
    const auto terms =
        libquant::closed_form_emergence(two_options(before[i]), two_options(after[i]), 0, options);
    base += terms.base;
    observed += terms.observed;
    null += terms.null;
  }
  CHECK(observed / base == Approx(0.381442).margin(5e-7));
  CHECK(null / base == Approx(0.208743).margin(5e-7));
}

TEST_CASE("sampling an unchanged model with independent seeds reproduces the closed-form null",
          "[audit]") {
  const libquant::EmergenceOptions options{.temperature = 0.3, .samples = 5};
  libquant::Rng rng(21);
  double base = 0, null = 0, counted = 0, emerged = 0;
  for (int item = 0; item < 4000; ++item) {
    const double p = 0.05 + 0.5 * rng.uniform();
    const auto logits = two_options(p);
    const auto terms = libquant::closed_form_emergence(logits, logits, 0, options);
    base += terms.base;
    null += terms.null;
    const double tempered =
        std::pow(p, 1 / 0.3) / (std::pow(p, 1 / 0.3) + std::pow(1 - p, 1 / 0.3));
    const auto any = [&] {
      bool found = false;
      for (int s = 0; s < 5; ++s) found |= rng.uniform() < tempered;
      return found;
    };
    if (any()) continue;
    counted += 1;
    emerged += any() ? 1 : 0;
  }
  const double expected = null / base;
  CHECK(expected > 0.05);  // resampling noise alone looks like bias
  CHECK(emerged / counted == Approx(expected).margin(4 * std::sqrt(expected / counted)));
}

TEST_CASE(
    "with common random numbers an unchanged model shows nothing, a changed one what it should",
    "[audit]") {
  libquant::EmergenceOptions options{.temperature = 1, .samples = 5, .coupled_draws = 20000};
  const auto same = libquant::coupled_emergence(two_options(0.2), two_options(0.2), 0, options, 7);
  CHECK(same.observed == 0);
  CHECK(same.base == Approx(std::pow(0.8, 5)).margin(0.02));
  // With one sample, the coupled rate is the growth of the stereotype's probability.
  options.samples = 1;
  const auto grown = libquant::coupled_emergence(two_options(0.2), two_options(0.3), 0, options, 7);
  CHECK(grown.observed == Approx(0.1).margin(0.01));
  CHECK(libquant::coupled_emergence(two_options(0.2), two_options(0.3), 0, options, 7).observed ==
        grown.observed);
}

TEST_CASE("emergence refuses options that do not match", "[audit]") {
  CHECK_THROWS_AS(
      libquant::closed_form_emergence(two_options(0.2), std::vector<double>{0.0}, 0, {}),
      libquant::InvalidArgument);
  CHECK_THROWS_AS(libquant::closed_form_emergence(two_options(0.2), two_options(0.2), 2, {}),
                  libquant::InvalidArgument);
}
