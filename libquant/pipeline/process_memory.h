#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace libquant {

/// Anonymous resident memory of this process in bytes (mapped files do not count); 0 where the
/// system does not tell.
double anonymous_bytes();

/// Gives freed memory back to the system where the allocator can; otherwise does nothing.
void return_free_memory() noexcept;
/// The same, except for large arrays that are kept for later ones (libquant/core/large_vector.h).
void trim_heap() noexcept;

/// Watches anonymous_bytes() from a thread of its own while it lives, so that peaks inside a long
/// call are seen too.
class PeakMemory {
 public:
  PeakMemory();
  ~PeakMemory();
  PeakMemory(const PeakMemory&) = delete;
  PeakMemory& operator=(const PeakMemory&) = delete;

  /// Highest value so far.
  double bytes();

 private:
  void sample();
  void watch();

  std::atomic<double> peak_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace libquant
