#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace libquant::benchmarks {

/// What the machine can do at most, measured by the simplest code that does only that. Each probe
/// runs on the calling thread; paired.h runs them on all threads.

/// Independent operations on registers.
struct ComputeProbe {
  std::string_view name;  ///< "int8_avx512vnni"
  bool (*supported)() noexcept;
  /// Returns the operations done: two per multiply-add and lane. About 10 ns a round.
  double (*run)(std::size_t rounds) noexcept;
};

/// All that are compiled, whether or not this machine supports them:
///
///     fma_f32_avx512, fma_f32_avx2    fp32 multiply-adds
///     fma_f64                         fp64 multiply-adds at the widest vectors
///     bf16_avx512, bf16_neon          pairs of bf16 products added to fp32
///     int8_avx512vnni, int8_avxvnni   four int8 products added to int32
///     maddubs_avx2                    two int8 products, added in 16 bits (which an exact kernel
///                                     cannot do for ever)
///     fma_f32_neon, int8_neondot, int8_neoni8mm
std::span<const ComputeProbe> compute_probes() noexcept;
/// nullptr when no such probe is compiled or this machine lacks it.
const ComputeProbe* find_compute_probe(std::string_view name) noexcept;

/// One way to read memory once; the fastest differs between machines.
struct ReadPattern {
  std::string_view name;  ///< "avx512/streams:2/prefetch:1024"
  bool (*supported)() noexcept;
  /// Reads `bytes` (a multiple of 4096) at `data` (aligned to 64) once.
  void (*read)(const char* data, std::size_t bytes) noexcept;
};
std::span<const ReadPattern> read_patterns() noexcept;

}  // namespace libquant::benchmarks
