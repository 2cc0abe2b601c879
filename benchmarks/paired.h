#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "benchmarks/cold_memory.h"
#include "benchmarks/probes.h"

namespace libquant::benchmarks {

/// One probe on all kernel threads. `run` returns the bytes read or the operations done.
struct ProbeRun {
  std::string name;
  bool reads = false;   ///< counts bytes, else operations
  bool limits = false;  ///< bounds the work: runs directly before and after it
  std::function<double()> run;
};

/// `probe` with about `seconds` of work per call.
ProbeRun compute_run(const ComputeProbe& probe, double seconds, bool limits);
/// `pattern` over the next `bytes` bytes (rounded up to whole slots) of `memory`.
ProbeRun read_run(const ReadPattern& pattern, ColdMemory& memory, std::size_t bytes);

/// The work to be measured.
struct Work {
  double operations = 0;  ///< floating-point or integer operations per call of `run`
  double bytes = 0;       ///< that have to be read from memory per call of `run`
  std::function<void()> run;
};

struct SampleOptions {
  double seconds = 0.5;            ///< sampling goes on for this long
  std::size_t least_samples = 11;  ///< and until there are as many
  std::size_t most_samples = 2000;
};

/// Rates in 1e9 per second.
struct ProbeFigures {
  std::string name;
  bool reads = false;
  double best = 0, median = 0;
  double fraction = 0;  ///< median over the samples of (rate of the work / rate of the probe)
};

struct PairedFigures {
  double best_seconds = 0, median_seconds = 0, p95_seconds = 0;
  std::vector<ProbeFigures> probes;  ///< as given
  std::size_t samples = 0;
  std::size_t clean = 0;  ///< in which no thread of this process lost its core
};

/// Times `work` between two runs of every probe, over and over. A rate is paired with those that
/// were measured within the same few milliseconds, so the median of their ratios stays meaningful
/// on a shared machine, where rates themselves do not. A processor lowers its clock for work that
/// uses loads and multipliers together and raises it again within milliseconds of register-only
/// code: so probes that bound the work run at its clock, between an untimed call and the timed one
/// and directly after that, the last of `probes` next to the work. Samples in which a thread lost
/// its core are left out unless fewer than five are left.
PairedFigures measure_paired(const Work& work, const std::vector<ProbeRun>& probes,
                             const SampleOptions& options);

/// Reads `bytes` (a multiple of 4096) once, shared between the kernel threads.
void read_on_all_threads(const ReadPattern& pattern, const char* data, std::size_t bytes);

/// The `count` fastest read patterns of this machine for `bytes` at a time on the kernel threads,
/// fastest first, by the median rate of runs that take turns.
std::vector<const ReadPattern*> fastest_patterns(ColdMemory& memory, std::size_t bytes,
                                                 std::size_t count);

/// Median and other quantiles; `values` must not be empty.
double quantile(std::vector<double> values, double q);
double seconds_now() noexcept;

}  // namespace libquant::benchmarks
