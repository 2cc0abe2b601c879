#pragma once

#include <benchmark/benchmark.h>

#include <optional>
#include <string>
#include <vector>

#include "benchmarks/case.h"

namespace libquant::benchmarks {

/// Runs cases in one process, with the probes that they are compared with, as benchmarks of Google
/// Benchmark. Counters of every result:
///
///     GFLOPS_best GFLOPS_median GBps_best GBps_median ms_best ms_median ms_p95 samples clean calls
///     PROBE:best PROBE:median PROBE:fraction          for every compute probe of this machine
///     read:best read:median read:fraction             for the fastest read pattern, its label
///
/// Rates of probes are in 1e9 operations or bytes per second; fractions are medians of paired
/// ratios. bytes are those of the weights, operations 2 N M K, whatever the kernel really does.
class Runner {
 public:
  Runner(std::size_t memory_bytes, SampleOptions sampling)
      : memory_(memory_bytes), sampling_(sampling) {}

  void run(const CaseName& name, benchmark::State& state);

  /// Whether a case could not be run.
  bool failed() const noexcept { return failed_; }
  ColdMemory& memory() noexcept { return memory_; }
  /// Kernels that were measured above 1.02 of a probe that limits them: then the probe is wrong.
  const std::vector<std::string>& impossible() const noexcept { return impossible_; }

 private:
  PairedFigures measure(const CaseName& name, const PreparedCase& prepared, std::size_t& calls);
  void report(const CaseName& name, const PreparedCase& prepared, const PairedFigures& figures,
              std::size_t calls, benchmark::State& state);

  ColdMemory memory_;
  SampleOptions sampling_;
  std::vector<std::string> impossible_;
  bool failed_ = false;
};

/// A line per result: time, rates, and the fraction of every probe.
class LineReporter : public benchmark::BenchmarkReporter {
 public:
  explicit LineReporter(std::size_t name_width) : width_(name_width) {}
  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;

 private:
  std::size_t width_;
};

/// The rate of every probe on 1 and on all threads, and what the caches hold; for --list-peaks.
void print_peaks(ColdMemory& memory, const SampleOptions& sampling);

}  // namespace libquant::benchmarks
