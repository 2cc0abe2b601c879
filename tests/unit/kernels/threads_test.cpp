#include "kernels/threads.h"

#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/kernels/kernel_test_support.h"

namespace kernels = libquant::kernels;
using namespace libquant::tests;

namespace {

std::set<std::thread::id> threads_that_ran(std::size_t count) {
  std::vector<std::thread::id> ids(count);
  kernels::parallel_for(count, 1, [&](std::size_t i) {
    ids[i] = std::this_thread::get_id();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  return {ids.begin(), ids.end()};
}

std::size_t not_exactly_once(std::size_t count, std::size_t chunk) {
  std::vector<std::atomic<int>> visits(count);
  kernels::parallel_for(count, chunk, [&](std::size_t i) { ++visits[i]; });
  std::size_t wrong = 0;
  for (const auto& visit : visits) wrong += visit == 1 ? 0 : 1;
  return wrong;
}

std::size_t not_in_one_range(std::size_t count, std::size_t least) {
  std::vector<std::atomic<int>> visits(count);
  std::atomic<std::size_t> wrong{0};
  kernels::parallel_ranges(count, least, [&](std::size_t begin, std::size_t end) {
    if (begin >= end || end > count || (end - begin < least && end != count)) ++wrong;
    for (std::size_t i = begin; i < end && i < count; ++i) ++visits[i];
  });
  for (const auto& visit : visits) wrong += visit == 1 ? 0 : 1;
  return wrong;
}

}  // namespace

TEST_CASE("every index is in exactly one range of at least the size asked for", "[threads]") {
  for (const int threads : {1, 2, 3, 7}) {
    const ForcedThreads set(threads);
    for (const std::size_t count : {0, 1, 2, 7, 64, 1000})
      for (const std::size_t least : {0, 1, 3, 64, 5000}) {
        CAPTURE(threads, count, least);
        CHECK(not_in_one_range(count, least) == 0);
      }
  }
}

TEST_CASE("every index runs exactly once, whatever the chunk and the threads", "[threads]") {
  for (const int threads : {1, 2, 3, 7}) {
    const ForcedThreads set(threads);
    for (const std::size_t count : {0, 1, 2, 7, 64, 1000})
      for (const std::size_t chunk : {0, 1, 3, 64, 5000}) {
        CAPTURE(threads, count, chunk);
        CHECK(not_exactly_once(count, chunk) == 0);
      }
  }
}

TEST_CASE("many loops in a row lose no index", "[threads]") {
  const ForcedThreads set(3);
  std::size_t wrong = 0;
  for (int i = 0; i < (full_matrix() ? 20000 : 2000); ++i) wrong += not_exactly_once(11, 2);
  CHECK(wrong == 0);
}

TEST_CASE("several threads work on a loop, and one where one is set", "[threads]") {
  {
    const ForcedThreads set(3);
    CHECK(kernels::thread_count() == 3);
#ifdef _OPENMP
    CHECK(threads_that_ran(60).size() > 1);
#endif
  }
  const ForcedThreads set(1);
  CHECK(threads_that_ran(5) == std::set{std::this_thread::get_id()});
}

TEST_CASE("a loop inside a body runs on the thread of that body", "[threads]") {
  const ForcedThreads set(3);
  std::atomic<int> strangers{0};
  kernels::parallel_for(12, 1, [&](std::size_t) {
    if (threads_that_ran(4) != std::set{std::this_thread::get_id()}) ++strangers;
  });
  CHECK(strangers == 0);
}

TEST_CASE("a loop inside a caller's OpenMP region runs on its own thread", "[threads]") {
  const ForcedThreads set(3);
  std::atomic<int> strangers{0};
#ifdef _OPENMP
#pragma omp parallel num_threads(2)
#endif
  if (threads_that_ran(6) != std::set{std::this_thread::get_id()}) ++strangers;
  CHECK(strangers == 0);
}

TEST_CASE("loops of several callers at a time all complete", "[threads]") {
  const ForcedThreads set(2);
  std::atomic<std::size_t> wrong{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t)
    callers.emplace_back([&] {
      for (int i = 0; i < 200; ++i) wrong += not_exactly_once(37, 4);
    });
  for (auto& caller : callers) caller.join();
  CHECK(wrong == 0);
}
