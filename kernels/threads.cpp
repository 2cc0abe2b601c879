#include "kernels/threads.h"

#include <atomic>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace libquant::kernels {
namespace {

std::atomic<int> forced{0};

int default_count() noexcept {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

}  // namespace

int thread_count() noexcept {
  const int count = forced.load(std::memory_order_relaxed);
  return count > 0 ? count : default_count();
}

void set_thread_count(int count) noexcept { forced.store(count, std::memory_order_relaxed); }

void parallel_for(std::size_t count, std::size_t chunk, void (*body)(void* context, std::size_t i),
                  void* context, int threads) noexcept {
  if (chunk == 0) chunk = 1;
#ifdef _OPENMP
  if (threads <= 0) threads = thread_count();
  if (threads > 1 && count > chunk && !omp_in_parallel()) {
    const auto n = static_cast<std::ptrdiff_t>(count);
    const auto step = static_cast<std::ptrdiff_t>(chunk);
#pragma omp parallel for schedule(dynamic, step) num_threads(threads)
    for (std::ptrdiff_t i = 0; i < n; ++i) body(context, static_cast<std::size_t>(i));
    return;
  }
#else
  static_cast<void>(threads);
#endif
  for (std::size_t i = 0; i < count; ++i) body(context, i);
}

void parallel_ranges(std::size_t count, std::size_t least,
                     void (*body)(void* context, std::size_t begin, std::size_t end), void* context,
                     int threads) noexcept {
  if (count == 0) return;
  if (least == 0) least = 1;
#ifdef _OPENMP
  if (threads <= 0) threads = thread_count();
  if (threads > 1 && count > least && !omp_in_parallel()) {
    std::atomic<std::size_t> next{0};
    // Every range begins with misses, so the first ones are long; but not so long that all would
    // wait for a thread of half the speed.
    const std::size_t parts = 3 * static_cast<std::size_t>(threads) / 2;
#pragma omp parallel num_threads(threads)
    {
      std::size_t begin = next.load(std::memory_order_relaxed);
      while (begin < count) {
        const std::size_t part = (count - begin) / parts;
        const std::size_t end = begin + (part > least ? part : least);
        if (!next.compare_exchange_weak(begin, end, std::memory_order_relaxed)) continue;
        body(context, begin, end < count ? end : count);
        begin = next.load(std::memory_order_relaxed);
      }
    }
    return;
  }
#else
  static_cast<void>(threads);
#endif
  body(context, 0, count);
}

}  // namespace libquant::kernels
