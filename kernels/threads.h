#pragma once

#include <cstddef>
#include <type_traits>

namespace libquant::kernels {

/// Threads that the kernels use: the first number in OMP_NUM_THREADS, or the processors that this
/// process may run on, unless set. Results never depend on it.
int thread_count() noexcept;

/// Sets the number for this process; 0 restores the default.
void set_thread_count(int count) noexcept;

/// Calls body(context, i) for i in [0, count), each exactly once, `chunk` consecutive indices at a
/// time, on the calling thread and up to thread_count() - 1 workers, and returns when all are done.
/// The body must not throw.
///
/// An index should be worth at least a microsecond: pass ranges of a large loop, not its elements.
/// A call costs about 1 us while the workers are awake and 5 us when they have to be woken; `count`
/// <= `chunk` runs on the caller at no cost. Workers sleep 50 us after their last work. The caller
/// waits only for workers that have begun a chunk, so that a loaded machine does not stall it.
/// Calls from inside a body, from an OpenMP parallel region, or from a second thread at the same
/// time run on their own thread alone.
void parallel_for(std::size_t count, std::size_t chunk, void (*body)(void* context, std::size_t i),
                  void* context) noexcept;

template <typename Body>
void parallel_for(std::size_t count, std::size_t chunk, Body&& body) noexcept {
  parallel_for(
      count, chunk,
      [](void* context, std::size_t i) {
        (*static_cast<std::remove_reference_t<Body>*>(context))(i);
      },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace libquant::kernels
