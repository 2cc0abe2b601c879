#pragma once

#include <cstddef>
#include <type_traits>

namespace libquant::kernels {

/// Threads that the kernels use: the environment variable OMP_NUM_THREADS where it is a positive
/// number, else the processors that this process may run on, unless set. Results never depend on
/// it.
int thread_count() noexcept;

/// Sets the number for this process; 0 restores the default.
void set_thread_count(int count) noexcept;

/// Calls body(context, i) for i in [0, count), each exactly once, `chunk` consecutive indices at a
/// time (0 counts as 1), on the caller and up to thread_count() - 1 helpers, and returns when all
/// are done. The body must not throw.
///
/// An index should be worth at least a microsecond: pass ranges of a large loop, not its elements.
/// `count` <= `chunk` runs on the caller at no cost. The helpers are threads of this library that
/// live as long as the process. They serve one loop at a time: calls from inside a body, and calls
/// while another thread has them, run on the calling thread alone. So do all calls where the system
/// gives the process no more threads.
///
/// A call waits only for helpers that have begun a chunk, and those who wait sleep after some
/// microseconds: a machine that is busy with other work is shared with it, not fought over.
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
