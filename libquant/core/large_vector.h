#pragma once

#include <cstddef>
#include <new>
#include <utility>
#include <vector>

namespace libquant {

/// Memory for large arrays, aligned to 64 bytes; from half a megabyte on, mapped by itself
/// (kernels/huge_pages.h). std::bad_alloc where there is none. Safe from any thread.
void* allocate_large(std::size_t bytes);
/// Of those that were mapped, the last freed ones are kept for the next ones of their sizes: at
/// most 64 MB, and only as long as they and the arrays in use together stay within the bound.
void free_large(void* data, std::size_t bytes) noexcept;
/// Sets that bound for the process; there is none at first.
void bound_large(std::size_t bytes) noexcept;
constexpr std::size_t kNoBound = static_cast<std::size_t>(-1) / 2;
/// Gives back what is kept now.
void release_large() noexcept;

/// Leaves elements uninitialised that are given no value: for what is written before it is read,
/// and whose pages are then first touched by the threads that write them.
template <typename T>
struct LargeAllocator {
  using value_type = T;

  LargeAllocator() = default;
  template <typename U>
  LargeAllocator(const LargeAllocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor)

  T* allocate(std::size_t count) {
    if (count > static_cast<std::size_t>(-1) / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(allocate_large(count * sizeof(T)));
  }
  void deallocate(T* data, std::size_t count) noexcept { free_large(data, count * sizeof(T)); }

  template <typename U>
  void construct(U* at) noexcept {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Args>
  void construct(U* at, Args&&... args) {
    ::new (static_cast<void*>(at)) U(std::forward<Args>(args)...);
  }

  friend bool operator==(const LargeAllocator&, const LargeAllocator&) noexcept { return true; }
};

/// `LargeVector<double> v(n)` is not initialised, `v(n, 0.0)` is.
template <typename T>
using LargeVector = std::vector<T, LargeAllocator<T>>;

}  // namespace libquant
