#pragma once

#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/dispatch.h"
#include "kernels/threads.h"
#include "tests/support/guarded_buffer.h"

namespace libquant::tests {

/// Instruction sets to test: the one that LIBQUANT_ISA names, else all that this machine runs.
inline std::vector<std::string> isas_under_test() {
  if (const char* wanted = std::getenv("LIBQUANT_ISA"); wanted != nullptr && *wanted != '\0') {
    kernels::force_isa(nullptr);
    return {kernels::active().name};
  }
  std::vector<std::string> names;
  for (const auto* table : kernels::compiled_tables())
    if (table->supported()) names.emplace_back(table->name);
  return names;
}

/// Uses one instruction set until the end of the scope.
struct ForcedIsa {
  explicit ForcedIsa(const std::string& name) { kernels::force_isa(name.c_str()); }
  ForcedIsa(const ForcedIsa&) = delete;
  ForcedIsa& operator=(const ForcedIsa&) = delete;
  ~ForcedIsa() { kernels::force_isa(nullptr); }
};

struct ForcedThreads {
  explicit ForcedThreads(int count) { kernels::set_thread_count(count); }
  ForcedThreads(const ForcedThreads&) = delete;
  ForcedThreads& operator=(const ForcedThreads&) = delete;
  ~ForcedThreads() { kernels::set_thread_count(0); }
};

/// LIBQUANT_FULL_MATRIX=1 multiplies the generated shapes.
inline bool full_matrix() {
  const char* value = std::getenv("LIBQUANT_FULL_MATRIX");
  return value != nullptr && std::strcmp(value, "1") == 0;
}

using Rng = std::mt19937_64;

/// A size in [0, most] that favours the tails: 0, 1, odd, just beside a multiple of 16.
inline std::size_t tail_size(Rng& rng, std::size_t most) {
  const std::size_t kind = rng() % 4, any = rng() % (most + 1);
  if (kind == 0) return any % 4;
  if (kind == 1) return std::min(most, any / 16 * 16 + (rng() % 3));
  if (kind == 2) return any | 1;
  return any;
}

template <typename Range>
void fill_uniform(Rng& rng, Range& range, double low = -1, double high = 1) {
  using T = std::remove_reference_t<decltype(*range.begin())>;
  std::uniform_real_distribution<double> values(low, high);
  for (T& value : range) value = static_cast<T>(values(rng));
}

/// Equal bytes, so that NaN equals itself and 0 differs from -0.
template <typename T>
bool same_bytes(const GuardedBuffer<T>& a, const GuardedBuffer<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// False for a NaN on either side.
inline bool within(double got, double want, double bound) { return std::abs(got - want) <= bound; }

}  // namespace libquant::tests
