#pragma once

#include <cstddef>
#include <type_traits>

namespace libquant::kernels {

/// Threads that the kernels use: OpenMP's (OMP_NUM_THREADS, or the processors that this process may
/// run on), unless set. Results never depend on it.
int thread_count() noexcept;

/// Sets the number for this process; 0 restores the default.
void set_thread_count(int count) noexcept;

/// Calls body(context, i) for i in [0, count), each exactly once, `chunk` consecutive indices at a
/// time (0 counts as 1), on up to thread_count() OpenMP threads, and returns when all are done. The
/// body must not throw.
///
/// An index should be worth at least a microsecond: pass ranges of a large loop, not its elements.
/// `count` <= `chunk` runs on the caller at no cost. Calls from inside a body, or from an OpenMP
/// parallel region of the caller's, run on their own thread alone. A call returns only when every
/// worker has been scheduled: on a machine that is busy with other work, fewer threads are faster.
/// `threads` replaces thread_count() for this call where it is not 0.
void parallel_for(std::size_t count, std::size_t chunk, void (*body)(void* context, std::size_t i),
                  void* context, int threads = 0) noexcept;

template <typename Body>
void parallel_for(std::size_t count, std::size_t chunk, Body&& body, int threads = 0) noexcept {
  parallel_for(
      count, chunk,
      [](void* context, std::size_t i) {
        (*static_cast<std::remove_reference_t<Body>*>(context))(i);
      },
      const_cast<void*>(static_cast<const void*>(&body)), threads);
}

/// The same work in ranges: calls body(context, begin, end) until every index of [0, count) was in
/// exactly one range. Ranges shrink from a part of what is left to `least` indices (0 counts as 1):
/// long ones where order in memory matters, short ones at the end, where a late thread would be
/// waited for. Otherwise as parallel_for.
void parallel_ranges(std::size_t count, std::size_t least,
                     void (*body)(void* context, std::size_t begin, std::size_t end), void* context,
                     int threads = 0) noexcept;

template <typename Body>
void parallel_ranges(std::size_t count, std::size_t least, Body&& body, int threads = 0) noexcept {
  parallel_ranges(
      count, least,
      [](void* context, std::size_t begin, std::size_t end) {
        (*static_cast<std::remove_reference_t<Body>*>(context))(begin, end);
      },
      const_cast<void*>(static_cast<const void*>(&body)), threads);
}

}  // namespace libquant::kernels
