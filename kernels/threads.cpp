#include "kernels/threads.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

// Present where the program that calls us uses OpenMP; we do not.
extern "C" int omp_in_parallel() __attribute__((weak));

namespace libquant::kernels {
namespace {

constexpr std::chrono::microseconds kAwake{50};

std::atomic<int> forced{0};

int default_count() noexcept {
  if (const char* wanted = std::getenv("OMP_NUM_THREADS"); wanted != nullptr) {
    const long count = std::strtol(wanted, nullptr, 10);
    if (count > 0 && count < 4096) return static_cast<int>(count);
  }
#ifdef __linux__
  cpu_set_t mine;
  if (sched_getaffinity(0, sizeof mine, &mine) == 0) return CPU_COUNT(&mine);
#endif
  const unsigned count = std::thread::hardware_concurrency();
  return count == 0 ? 1 : static_cast<int>(count);
}

void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// True as soon as `done` is, false after kAwake.
template <typename Done>
bool spin_until(const Done& done) noexcept {
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    for (int i = 0; i < 64; ++i) {
      if (done()) return true;
      relax();
    }
    if (std::chrono::steady_clock::now() - start > kAwake) return false;
  }
}

struct Job {
  std::size_t count, chunk;
  void (*body)(void* context, std::size_t i);
  void* context;
  std::atomic<std::size_t> next{0};

  void run() noexcept {
    for (;;) {
      const std::size_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
      if (begin >= count) return;
      const std::size_t end = count - begin < chunk ? count : begin + chunk;
      for (std::size_t i = begin; i < end; ++i) body(context, i);
    }
  }
};

thread_local bool inside = false;  // a body is running on this thread

class Pool {
 public:
  // Never destroyed: its detached workers may outlive every static object.
  static Pool& instance() noexcept {
    static Pool* pool = new Pool;
    return *pool;
  }

  // False where another thread is using the workers.
  bool run(Job& job, int helpers) noexcept {
    if (busy_.exchange(true, std::memory_order_acquire)) return false;
    publish(job, helpers);
    inside = true;
    job.run();
    inside = false;
    retire();
    busy_.store(false, std::memory_order_release);
    return true;
  }

 private:
  void publish(Job& job, int helpers) noexcept {
    while (workers_ < helpers && hire()) {
    }
    bool anyone_asleep;
    {
      const std::lock_guard lock(mutex_);
      job_ = &job;
      wanted_ = helpers;
      published_.fetch_add(1, std::memory_order_relaxed);
      anyone_asleep = asleep_ > 0;
    }
    if (anyone_asleep) work_.notify_all();
  }

  // Nobody can join after this; waits for those who have.
  void retire() noexcept {
    std::unique_lock lock(mutex_);
    job_ = nullptr;
    if (running_.load(std::memory_order_relaxed) == 0) return;
    lock.unlock();
    if (spin_until([this] { return running_.load(std::memory_order_acquire) == 0; })) return;
    lock.lock();
    idle_.wait(lock, [this] { return running_.load(std::memory_order_relaxed) == 0; });
  }

  // Without memory for a thread the work is done by those there are.
  bool hire() noexcept {
    try {
      std::thread([this] { serve(); }).detach();
    } catch (const std::system_error&) {
      return false;
    }
    ++workers_;
    return true;
  }

  void serve() noexcept {
    inside = true;
    unsigned seen = 0;
    for (;;) {
      spin_until([&] { return published_.load(std::memory_order_relaxed) != seen; });
      Job* job = nullptr;
      {
        std::unique_lock lock(mutex_);
        ++asleep_;
        work_.wait(lock, [&] { return published_.load(std::memory_order_relaxed) != seen; });
        --asleep_;
        seen = published_.load(std::memory_order_relaxed);
        if (job_ == nullptr || wanted_ == 0) continue;
        --wanted_;
        job = job_;
        running_.fetch_add(1, std::memory_order_relaxed);
      }
      job->run();
      const std::lock_guard lock(mutex_);
      if (running_.fetch_sub(1, std::memory_order_release) == 1) idle_.notify_one();
    }
  }

  std::atomic<bool> busy_{false};
  int workers_ = 0;  // guarded by busy_
  std::mutex mutex_;
  std::condition_variable work_, idle_;
  Job* job_ = nullptr;
  int wanted_ = 0;
  int asleep_ = 0;
  std::atomic<unsigned> published_{0};
  std::atomic<int> running_{0};
};

}  // namespace

int thread_count() noexcept {
  const int count = forced.load(std::memory_order_relaxed);
  if (count > 0) return count;
  static const int usual = default_count();
  return usual;
}

void set_thread_count(int count) noexcept { forced.store(count, std::memory_order_relaxed); }

void parallel_for(std::size_t count, std::size_t chunk, void (*body)(void* context, std::size_t i),
                  void* context) noexcept {
  if (chunk == 0) chunk = 1;
  Job job{count, chunk, body, context};
  const int threads = thread_count();
  const bool alone = threads <= 1 || count <= chunk || inside ||
                     (omp_in_parallel != nullptr && omp_in_parallel() != 0);
  if (alone || !Pool::instance().run(job, threads - 1)) job.run();
}

}  // namespace libquant::kernels
