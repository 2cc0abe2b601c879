#include "libquant/pipeline/process_memory.h"

#include <chrono>
#include <fstream>

#ifdef __linux__
#include <unistd.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "libquant/core/large_vector.h"

namespace libquant {

double anonymous_bytes() {
#ifdef __linux__
  std::ifstream statm("/proc/self/statm");
  double size = 0, resident = 0, shared = 0;
  if (!(statm >> size >> resident >> shared)) return 0;
  return (resident - shared) * static_cast<double>(sysconf(_SC_PAGESIZE));
#else
  return 0;
#endif
}

void return_free_memory() noexcept {
  release_large();
  trim_heap();
}

void trim_heap() noexcept {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

PeakMemory::PeakMemory() : thread_([this] { watch(); }) {}

PeakMemory::~PeakMemory() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

double PeakMemory::bytes() {
  sample();
  return peak_.load();
}

void PeakMemory::sample() {
  const double now = anonymous_bytes();
  double seen = peak_.load();
  while (now > seen && !peak_.compare_exchange_weak(seen, now)) {
  }
}

void PeakMemory::watch() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    sample();
    wake_.wait_for(lock, std::chrono::milliseconds(10));
  }
}

}  // namespace libquant
