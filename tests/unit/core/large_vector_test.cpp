#include "libquant/core/large_vector.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <thread>

#include "libquant/core/matrix.h"
#include "tests/support/catch.h"

using namespace libquant;

namespace {

constexpr std::size_t kLarge = (std::size_t{512} << 10) / sizeof(double);

bool all_equal(const LargeVector<double>& values, double wanted) {
  return std::all_of(values.begin(), values.end(), [&](double value) { return value == wanted; });
}

}  // namespace

TEST_CASE("a large vector holds what is written, on both sides of the size of mapped ones",
          "[core]") {
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, kLarge - 1, kLarge, kLarge + 1,
                                  3 * kLarge + 7, 17 * kLarge + 7}) {
    CAPTURE(count);
    LargeVector<double> values(count);
    CHECK(reinterpret_cast<std::uintptr_t>(values.data()) % 64 == 0);
    std::iota(values.begin(), values.end(), 0.0);
    const LargeVector<double> copy = values;
    values.clear();
    values.shrink_to_fit();
    bool same = copy.size() == count;
    for (std::size_t i = 0; i < copy.size(); ++i) same = same && copy[i] == static_cast<double>(i);
    CHECK(same);
  }
}

TEST_CASE("a value given to a large vector reaches memory that was used before", "[core]") {
  for (const std::size_t count : {std::size_t{1000}, kLarge, 2 * kLarge}) {
    CAPTURE(count);
    { const LargeVector<double> used(count, 7.0); }
    const LargeVector<double> again(count, 0.0);
    CHECK(all_equal(again, 0.0));
    { const LargeVector<double> used(count, 7.0); }
    const Matrix zeros(count, 2);
    CHECK(std::all_of(zeros.data(), zeros.data() + zeros.size(), [](float x) { return x == 0; }));
  }
  release_large();
  CHECK(all_equal(LargeVector<double>(kLarge, 3.0), 3.0));
}

TEST_CASE("freed memory is kept for the next array of its size, within the bound", "[core]") {
  constexpr std::size_t kBytes = std::size_t{3} << 20;
  const auto use = [] {
    auto* bytes = static_cast<unsigned char*>(allocate_large(kBytes));
    const unsigned char found = bytes[kBytes / 2];
    bytes[kBytes / 2] = 7;
    free_large(bytes, kBytes);
    return found;
  };
  release_large();
  CHECK(use() == 0);
  CHECK(use() == 7);
  bound_large(kBytes - 1);
  CHECK(use() == 0);
  CHECK(use() == 0);
  bound_large(kNoBound);
  CHECK(use() == 0);
  CHECK(use() == 7);
  release_large();
  CHECK(use() == 0);
}

TEST_CASE("large vectors that threads make and drop do not share memory", "[core][threads]") {
  std::vector<char> good(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < good.size(); ++t) {
    threads.emplace_back([&good, t] {
      bool all = true;
      for (int round = 0; round < 8; ++round) {
        const LargeVector<double> mine(kLarge, static_cast<double>(t));
        all = all && all_equal(mine, static_cast<double>(t));
      }
      good[t] = all ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(good == std::vector<char>(4, 1));
}

TEST_CASE("a size that no memory has is refused", "[core]") {
  CHECK_THROWS_AS(allocate_large(std::numeric_limits<std::size_t>::max() - 4096), std::bad_alloc);
}
