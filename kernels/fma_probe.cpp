#include "kernels/fma_probe.h"

#include <chrono>

#include "kernels/threads.h"

namespace libquant::kernels {
namespace {

// NOLINTBEGIN(bugprone-macro-parentheses,bugprone-integer-division): operands are types and
// registers, sizes divide Twelve chains cover latency times throughput of every current core. The
// empty asm keeps the values in registers and stops the compiler from folding the chains.
#define LIBQUANT_KEEP(x) asm volatile("" : LIBQUANT_REGISTER(x))
#define LIBQUANT_TWELVE(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11)
#define LIBQUANT_CHAIN(i) Vector sum##i = b;
#define LIBQUANT_STEP(i)   \
  sum##i = b * c + sum##i; \
  LIBQUANT_KEEP(sum##i);
#define LIBQUANT_PROBE(name, target, type, bytes)                                           \
  target double name(std::size_t rounds) noexcept {                                         \
    using Vector = type __attribute__((vector_size(bytes)));                                \
    Vector b{}, c{};                                                                        \
    LIBQUANT_KEEP(b);                                                                       \
    LIBQUANT_KEEP(c);                                                                       \
    LIBQUANT_TWELVE(LIBQUANT_CHAIN)                                                         \
    for (std::size_t r = 0; r < rounds; ++r) {                                              \
      LIBQUANT_TWELVE(LIBQUANT_STEP)                                                        \
    }                                                                                       \
    return static_cast<double>(rounds) * 12 * 2 * (bytes / static_cast<int>(sizeof(type))); \
  }

#if defined(__x86_64__)
#define LIBQUANT_REGISTER(x) "+v"(x)
LIBQUANT_PROBE(f32_512, __attribute__((target("avx512f"))), float, 64)
LIBQUANT_PROBE(f64_512, __attribute__((target("avx512f"))), double, 64)
#undef LIBQUANT_REGISTER
#define LIBQUANT_REGISTER(x) "+x"(x)
LIBQUANT_PROBE(f32_256, __attribute__((target("avx2,fma"))), float, 32)
LIBQUANT_PROBE(f64_256, __attribute__((target("avx2,fma"))), double, 32)
#else
#define LIBQUANT_REGISTER(x) "+w"(x)
#endif
LIBQUANT_PROBE(f32_128, , float, 16)
LIBQUANT_PROBE(f64_128, , double, 16)
// NOLINTEND(bugprone-macro-parentheses,bugprone-integer-division)

}  // namespace

int fma_probe_bits() noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return 512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 256;
#endif
  return 128;
}

double run_fma_f32(std::size_t rounds, int bits) noexcept {
#if defined(__x86_64__)
  if (bits == 512) return f32_512(rounds);
  if (bits == 256) return f32_256(rounds);
#else
  static_cast<void>(bits);
#endif
  return f32_128(rounds);
}

double run_fma_f64(std::size_t rounds) noexcept {
#if defined(__x86_64__)
  if (fma_probe_bits() == 512) return f64_512(rounds);
  if (fma_probe_bits() == 256) return f64_256(rounds);
#endif
  return f64_128(rounds);
}

double fma_flops_per_second(double seconds) noexcept {
  using Clock = std::chrono::steady_clock;
  constexpr std::size_t kRounds = 2'000'000;  // about ten milliseconds
  const auto threads = static_cast<std::size_t>(thread_count());
  const auto since = [](Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  const int bits = fma_probe_bits();
  const double operations = run_fma_f32(1, bits) * kRounds * static_cast<double>(threads);
  double best = 0;
  for (const auto begin = Clock::now(); since(begin) < seconds;) {
    const auto run = Clock::now();
    parallel_for(threads, 1, [bits](std::size_t) { run_fma_f32(kRounds, bits); });
    const double rate = operations / since(run);
    best = rate > best ? rate : best;
  }
  return best;
}

}  // namespace libquant::kernels
