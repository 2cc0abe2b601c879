#pragma once

#include "kernels/threads.h"

namespace test_support {

/// Kernels run on `count` threads while this lives.
class ThreadCount {
 public:
  explicit ThreadCount(int count) { libquant::kernels::set_thread_count(count); }
  ~ThreadCount() { libquant::kernels::set_thread_count(0); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;
};

}  // namespace test_support
