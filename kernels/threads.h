#pragma once

#include <cstddef>
#include <type_traits>

namespace libquant::kernels {

/// Threads that the kernels use: OMP_NUM_THREADS or the cores of the machine, unless set.
/// Inside a caller's own parallel region every kernel runs on the calling thread.
int thread_count() noexcept;

/// Sets the number for this process; 0 restores the default. Results never depend on it.
void set_thread_count(int count) noexcept;

/// Calls body(context, i) for i in [0, count), each exactly once, on up to thread_count() threads,
/// `chunk` consecutive indices at a time. The body must not throw. The only place that names
/// OpenMP.
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
