#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "benchmarks/cold_memory.h"
#include "benchmarks/paired.h"

namespace libquant::benchmarks {

/// A benchmark's name, which says all there is to know about it:
///
///     OPERATION/WEIGHTS/ISA/KEY:VALUE/...        gemm/w4g128/avx512vnni/N:1/M:4096/K:4096/T:2
///
/// N tokens, M outputs, K inputs, T threads. Names are taken apart and checked by whoever runs
/// them, so any name of this form can be run, not just those that --list shows.
struct CaseName {
  std::string operation, weights, isa;
  std::vector<std::pair<std::string, std::string>> keys;

  /// std::invalid_argument, naming `text`, unless it has the form above.
  static CaseName parse(std::string_view text);
  std::string text() const;

  /// The number behind a key; std::invalid_argument where it is missing or not in [least, most].
  std::size_t number(std::string_view key, std::size_t least = 1,
                     std::size_t most = std::size_t{1} << 24) const;
  /// The value of a key, or `otherwise`.
  std::string value(std::string_view key, std::string_view otherwise) const;
  /// std::invalid_argument unless every key is one of `known` and none comes twice.
  void check_keys(std::span<const std::string_view> known) const;
};

/// A case that is ready to run.
struct PreparedCase {
  Work work;                        ///< of one call
  std::vector<std::string> limits;  ///< compute probes that no correct measurement exceeds
};

/// One kind of benchmark.
struct Operation {
  std::string_view name;
  bool (*takes)(std::string_view weights) noexcept;  ///< several operations may share a name
  std::string_view grammar;                          ///< what --help says about its names
  /// Fills `memory` with weights and returns the closure; the number of threads and the instruction
  /// set are set. std::invalid_argument for a name that makes no sense.
  PreparedCase (*prepare)(const CaseName& name, ColdMemory& memory);
};

extern const Operation kPackedGemm, kDenseGemm, kGemmBf16, kGemmF64, kSyrk, kAttention;

std::span<const Operation* const> operations() noexcept;
/// std::invalid_argument where there is none.
const Operation& operation_of(const CaseName& name);

/// Names that --set lists, for the instruction sets of this machine, 1 thread and as many as it
/// has:
///
///     quick   what the table of goals needs
///     full    a cut through the whole space in each of its directions; about ten minutes
///     dense   the engine's fp32, bf16 and fp64 kernels
///     all     everything worth a look, to be filtered; hours
///
/// std::invalid_argument for an unknown set.
std::vector<std::string> names_of_set(std::string_view set);

/// The compute probe of fp32 multiply-adds on that instruction set, of bf16 pairs, of integer dot
/// products; empty where there is none.
std::string fma_probe_of(std::string_view isa);
std::string bf16_probe_of(std::string_view isa);
std::string int8_probe_of(std::string_view isa);

}  // namespace libquant::benchmarks
