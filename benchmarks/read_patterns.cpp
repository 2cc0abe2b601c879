#include <array>
#include <cstdint>
#include <cstring>

#include "benchmarks/probes.h"
#include "kernels/fma_probe.h"

namespace libquant::benchmarks {
namespace {

// The bytes are folded into vectors, so that no load can be left out. `Streams` parts of the memory
// are read side by side, 256 bytes at a time, `Prefetch` bytes ahead (which may lie behind the end:
// a prefetch never faults).
#define LIBQUANT_READ(name, target, bits, constraint)                                        \
  template <std::size_t Streams, std::size_t Prefetch>                                       \
  target void name(const char* data, std::size_t bytes) noexcept {                           \
    using Vector = std::uint64_t __attribute__((vector_size((bits) / 8)));                   \
    constexpr std::size_t kStep = 256, kVector = (bits) / 8;                                 \
    Vector a{}, b{}, c{}, d{};                                                               \
    const std::size_t part = bytes / Streams;                                                \
    for (std::size_t i = 0; i < part; i += kStep) {                                          \
      for (std::size_t s = 0; s < Streams; ++s) {                                            \
        const char* at = data + s * part + i;                                                \
        if constexpr (Prefetch > 0)                                                          \
          for (std::size_t j = 0; j < kStep; j += 64) __builtin_prefetch(at + Prefetch + j); \
        for (std::size_t j = 0; j < kStep; j += 4 * kVector) {                               \
          const auto* v = reinterpret_cast<const Vector*>(at + j);                           \
          a ^= v[0];                                                                         \
          b ^= v[1];                                                                         \
          c ^= v[2];                                                                         \
          d ^= v[3];                                                                         \
        }                                                                                    \
      }                                                                                      \
    }                                                                                        \
    a ^= b ^ c ^ d;                                                                          \
    asm volatile("" : : constraint(a));                                                      \
  }
#define LIBQUANT_PATTERNS(isa, supported, read)                              \
  ReadPattern{isa "/streams:1", supported, read<1, 0>},                      \
      ReadPattern{isa "/streams:1/prefetch:1024", supported, read<1, 1024>}, \
      ReadPattern{isa "/streams:2", supported, read<2, 0>},                  \
      ReadPattern{isa "/streams:2/prefetch:1024", supported, read<2, 1024>}, \
      ReadPattern{isa "/streams:4", supported, read<4, 0>}, ReadPattern {    \
    isa "/streams:4/prefetch:1024", supported, read<4, 1024>                 \
  }

#if defined(__x86_64__)
LIBQUANT_READ(read_512, __attribute__((target("avx512f"))), 512, "v")
LIBQUANT_READ(read_256, __attribute__((target("avx2"))), 256, "x")
bool has_512() noexcept { return kernels::fma_probe_bits() >= 512; }
bool has_256() noexcept { return kernels::fma_probe_bits() >= 256; }
constexpr std::array kPatterns{LIBQUANT_PATTERNS("avx512", has_512, read_512),
                               LIBQUANT_PATTERNS("avx2", has_256, read_256)};
#else
LIBQUANT_READ(read_128, , 128, "w")
bool always() noexcept { return true; }
constexpr std::array kPatterns{LIBQUANT_PATTERNS("neon", always, read_128)};
#endif

}  // namespace

std::span<const ReadPattern> read_patterns() noexcept { return kPatterns; }

}  // namespace libquant::benchmarks
