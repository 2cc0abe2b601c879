#include "libquant/model/rope.h"

#include <cmath>
#include <limits>

#include "tests/support/catch.h"
#include "tests/support/memory_source.h"

namespace libquant {
namespace {

using Scaling = RopeConfig::Scaling;

ModelConfig scaled(Scaling scaling) {
  ModelConfig config = testing::tiny_config();
  config.rope.scaling = scaling;
  config.rope.factor = 4;
  config.rope.original_max_positions = 32;
  config.rope.short_factors = {1, 1.25, 1.5, 2};
  config.rope.long_factors = {2, 3, 5, 9};
  return config;
}

TEST_CASE("unscaled rotary angles are position * theta^(-2i/d)", "[model]") {
  const ModelConfig config = testing::tiny_config();
  const RopeTable table(config, config.max_positions);
  const std::size_t half = config.head_dim / 2;
  const RopeRows rows = table.rows(0, config.max_positions);
  for (std::size_t p = 0; p < config.max_positions; ++p) {
    // The frequency is rounded three times and the angle once, each by half an ulp at most.
    const double bound = (static_cast<double>(p) + 1) * 4 * 0x1p-24;
    for (std::size_t i = 0; i < half; ++i) {
      const double angle =
          static_cast<double>(p) *
          std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(config.head_dim));
      CHECK(std::abs(double{rows.cosine[p * half + i]} - std::cos(angle)) <= bound);
      CHECK(std::abs(double{rows.sine[p * half + i]} - std::sin(angle)) <= bound);
    }
  }
}

TEST_CASE("rows beyond the table equal tabulated ones, for every kind of scaling", "[model]") {
  for (const Scaling scaling : {Scaling::none, Scaling::linear, Scaling::dynamic, Scaling::llama3,
                                Scaling::yarn, Scaling::longrope}) {
    const ModelConfig config = scaled(scaling);
    const RopeTable all(config, 128), few(config, 5);
    CHECK(few.positions() == 5);
    const RopeRows expected = all.rows(3, 20), computed = few.rows(3, 20);
    for (std::size_t i = 0; i < 20 * config.head_dim / 2; ++i) {
      REQUIRE(expected.cosine[i] == computed.cosine[i]);
      REQUIRE(expected.sine[i] == computed.sine[i]);
    }
  }
}

TEST_CASE("only dynamic and longrope frequencies depend on the length of the sequence", "[model]") {
  for (const Scaling scaling : {Scaling::none, Scaling::linear, Scaling::llama3, Scaling::yarn}) {
    const RopeTable table(scaled(scaling), 4);
    CHECK(table.same_frequencies(10, 100000));
  }
  const RopeTable dynamic(scaled(Scaling::dynamic), 4);  // scales beyond 128
  CHECK(dynamic.same_frequencies(1, 128));
  CHECK_FALSE(dynamic.same_frequencies(128, 129));
  CHECK_FALSE(dynamic.same_frequencies(200, 201));
  const RopeTable longrope(scaled(Scaling::longrope), 4);  // switches beyond 32
  CHECK(longrope.same_frequencies(1, 32));
  CHECK_FALSE(longrope.same_frequencies(32, 33));
  CHECK(longrope.same_frequencies(33, 100));
}

TEST_CASE("frequencies of a sequence that has outgrown its original length", "[model]") {
  const RopeFrequencies plain = rope_frequencies(scaled(Scaling::none), 1);
  const RopeFrequencies near = rope_frequencies(scaled(Scaling::longrope), 32);
  const RopeFrequencies far = rope_frequencies(scaled(Scaling::longrope), 33);
  const RopeFrequencies grown = rope_frequencies(scaled(Scaling::dynamic), 256);
  const ModelConfig config = scaled(Scaling::longrope);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(near.frequencies[i] * static_cast<float>(config.rope.short_factors[i]) ==
          Approx(plain.frequencies[i]));
    CHECK(far.frequencies[i] * static_cast<float>(config.rope.long_factors[i]) ==
          Approx(plain.frequencies[i]));
    // theta * (4 * 256 / 128 - 3)^(8 / 6)
    const double theta = 10000 * std::pow(5.0, 8.0 / 6.0);
    CHECK(double{grown.frequencies[i]} ==
          Approx(std::pow(theta, -2.0 * static_cast<double>(i) / 8)));
  }
  CHECK(near.attention_factor == Approx(std::sqrt(1 + std::log(4.0) / std::log(32.0))));
  CHECK(grown.attention_factor == 1);
}

TEST_CASE("a missing factor of yarn and longrope is the ratio of the two lengths", "[model]") {
  for (const Scaling scaling : {Scaling::yarn, Scaling::longrope}) {
    ModelConfig named = scaled(scaling), derived = named;
    named.rope.factor = 4;  // 128 / 32
    derived.rope.factor = 0;
    CHECK(rope_frequencies(named, 100).frequencies == rope_frequencies(derived, 100).frequencies);
    CHECK(rope_frequencies(named, 100).attention_factor ==
          rope_frequencies(derived, 100).attention_factor);
  }
}

}  // namespace
}  // namespace libquant
