#include "kernels/threads.h"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>

#ifdef __linux__
#include <pthread.h>
#include <sched.h>
#endif

namespace libquant::kernels {
namespace {

std::atomic<int> forced{0};

int processors() noexcept {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  const unsigned count = std::thread::hardware_concurrency();
  return count == 0 ? 1 : static_cast<int>(count);
}

int default_count() noexcept {
  constexpr long kMost = 1024;
  const char* wanted = std::getenv("OMP_NUM_THREADS");
  const long count = wanted == nullptr ? 0 : std::strtol(wanted, nullptr, 10);
  return count > 0 ? static_cast<int>(count < kMost ? count : kMost) : processors();
}

void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until `word` is no longer `old`: some ten microseconds awake, because the next loop of a
// matrix product usually comes sooner than a sleeping thread wakes up, then asleep.
void wait_while(const std::atomic<std::uint32_t>& word, std::uint32_t old) noexcept {
  constexpr int kSpins = 1000;
  for (int i = 0; i < kSpins; ++i) {
    if (word.load(std::memory_order_acquire) != old) return;
    pause();
  }
  word.wait(old, std::memory_order_acquire);
}

struct Loop {
  std::size_t count;
  std::size_t chunk;
  void (*body)(void* context, std::size_t i);
  void* context;
  std::atomic<std::size_t> next{0};
  int places = 0;  // helpers that may still join; guarded by the pool

  void run() noexcept {
    for (;;) {
      const std::size_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
      if (begin >= count) return;
      const std::size_t end = count - begin < chunk ? count : begin + chunk;
      for (std::size_t i = begin; i < end; ++i) body(context, i);
    }
  }
};

thread_local bool inside_loop = false;

class Pool {
 public:
  // Runs the loop on the caller and the helpers, or returns false where another caller has them.
  bool run(Loop& loop, int helpers) noexcept {
    const std::unique_lock<std::mutex> caller(caller_, std::try_to_lock);
    if (!caller.owns_lock()) return false;
    start(helpers);
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      loop.places = helpers;
      loop_ = &loop;
    }
    calls_.fetch_add(1, std::memory_order_release);
    calls_.notify_all();
    loop.run();
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      loop_ = nullptr;  // nobody joins any more
    }
    for (std::uint32_t busy = busy_.load(std::memory_order_acquire); busy != 0;
         busy = busy_.load(std::memory_order_acquire))
      wait_while(busy_, busy);
    return true;
  }

 private:
  void start(int helpers) noexcept {
    try {
      for (; started_ < helpers; ++started_)
        std::thread([this, seen = calls_.load(std::memory_order_relaxed)] {
          serve(seen);
        }).detach();
    } catch (const std::system_error&) {
      // The system gives no more threads: those that there are do the work.
    }
  }

  void serve(std::uint32_t seen) noexcept {
    inside_loop = true;
    for (;; seen = calls_.load(std::memory_order_acquire)) {
      help();
      wait_while(calls_, seen);
    }
  }

  void help() noexcept {
    Loop* loop = nullptr;
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      if (loop_ == nullptr || loop_->places == 0) return;
      loop = loop_;
      --loop->places;
      busy_.fetch_add(1, std::memory_order_relaxed);
    }
    loop->run();
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
  }

  std::mutex caller_;  // held by whom the helpers work for
  int started_ = 0;    // guarded by caller_
  std::mutex mutex_;   // of loop_ and its places
  Loop* loop_ = nullptr;
  std::atomic<std::uint32_t> calls_{0};
  std::atomic<std::uint32_t> busy_{0};  // helpers inside the loop
};

// Never destroyed: helpers outlive static destructors, asleep.
std::atomic<Pool*> shared{nullptr};

Pool& pool() {
  Pool* found = shared.load(std::memory_order_acquire);
  if (found != nullptr) return *found;
  Pool* made = new Pool;
  if (shared.compare_exchange_strong(found, made, std::memory_order_acq_rel)) {
#ifdef __linux__
    // A forked child has no helpers: it makes a pool of its own.
    static const int once =
        pthread_atfork(nullptr, nullptr, [] { shared.store(nullptr, std::memory_order_relaxed); });
    static_cast<void>(once);
#endif
    return *made;
  }
  delete made;
  return *found;
}

}  // namespace

int thread_count() noexcept {
  const int count = forced.load(std::memory_order_relaxed);
  if (count > 0) return count;
  static const int standard = default_count();
  return standard;
}

void set_thread_count(int count) noexcept { forced.store(count, std::memory_order_relaxed); }

void parallel_for(std::size_t count, std::size_t chunk, void (*body)(void* context, std::size_t i),
                  void* context) noexcept {
  if (chunk == 0) chunk = 1;
  if (const int threads = thread_count(); threads > 1 && count > chunk && !inside_loop) {
    const std::size_t chunks = (count - 1) / chunk + 1;
    const auto most = static_cast<std::size_t>(threads);
    Loop loop{.count = count, .chunk = chunk, .body = body, .context = context};
    inside_loop = true;
    const bool done = pool().run(loop, static_cast<int>((chunks < most ? chunks : most) - 1));
    inside_loop = false;
    if (done) return;
  }
  for (std::size_t i = 0; i < count; ++i) body(context, i);
}

}  // namespace libquant::kernels
