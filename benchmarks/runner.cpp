#include "benchmarks/runner.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <stdexcept>

#include "kernels/cpu/dispatch.h"
#include "kernels/threads.h"

namespace libquant::benchmarks {
namespace {

constexpr double kShortestWork = 0.5e-3;  // seconds
constexpr double kProbeSeconds =
    0.3e-3;  // the clock of the work beside it does not recover meanwhile
constexpr double kImpossible = 1.02;

// Calls of `work` that take long enough to be timed.
std::size_t calls_for(const Work& work) {
  work.run();
  const double start = seconds_now();
  std::size_t calls = 0;
  while (seconds_now() - start < kShortestWork) {
    work.run();
    ++calls;
  }
  return calls;
}

Work repeated(const Work& work, std::size_t calls) {
  const auto times = static_cast<double>(calls);
  return {work.operations * times, work.bytes * times, [run = work.run, calls] {
            for (std::size_t i = 0; i < calls; ++i) run();
          }};
}

// Those that limit the case come last: the work is measured next to them.
std::vector<ProbeRun> compute_runs(const PreparedCase& prepared) {
  std::vector<ProbeRun> result;
  const auto limits = [&](const ComputeProbe& probe) {
    return std::find(prepared.limits.begin(), prepared.limits.end(), probe.name) !=
           prepared.limits.end();
  };
  for (const bool last : {false, true})
    for (const ComputeProbe& probe : compute_probes())
      if (probe.supported() && limits(probe) == last)
        result.push_back(compute_run(probe, kProbeSeconds, last));
  return result;
}

// Of the read patterns, only the one with the highest median is the probe.
std::vector<ProbeFigures> with_one_read_probe(std::vector<ProbeFigures> probes,
                                              std::string& pattern) {
  std::stable_sort(probes.begin(), probes.end(), [](const auto& a, const auto& b) {
    return a.reads != b.reads ? !a.reads : a.reads && a.median > b.median;
  });
  const auto first = std::find_if(probes.begin(), probes.end(), [](auto& p) { return p.reads; });
  if (first == probes.end()) return probes;
  pattern = first->name;
  first->name = "read";
  probes.erase(first + 1, probes.end());
  return probes;
}

}  // namespace

PairedFigures Runner::measure(const CaseName& name, const PreparedCase& prepared,
                              std::size_t& calls) {
  calls = calls_for(prepared.work);
  const Work work = repeated(prepared.work, calls);
  std::vector<ProbeRun> probes;
  if (work.bytes > 0) {
    constexpr double kMostRead = 32 << 20;
    const auto bytes = static_cast<std::size_t>(std::min(work.bytes, kMostRead));
    for (const ReadPattern* pattern : fastest_patterns(memory_, bytes, 2))
      probes.push_back(read_run(*pattern, memory_, bytes));
  }
  for (ProbeRun& probe : compute_runs(prepared)) probes.push_back(std::move(probe));
  static_cast<void>(name);
  return measure_paired(work, probes, sampling_);
}

void Runner::run(const CaseName& name, benchmark::State& state) {
  try {
    const std::size_t threads = name.number("T", 1, 1024);
    kernels::force_isa(name.isa.c_str());
    kernels::set_thread_count(static_cast<int>(threads));
    const PreparedCase prepared = operation_of(name).prepare(name, memory_);
    for (auto iteration : state) {
      static_cast<void>(iteration);
      std::size_t calls = 0;
      const PairedFigures figures = measure(name, prepared, calls);
      state.SetIterationTime(figures.median_seconds / static_cast<double>(calls));
      report(name, prepared, figures, calls, state);
    }
  } catch (const std::exception& error) {
    state.SkipWithError(error.what());
    failed_ = true;
  }
}

void Runner::report(const CaseName& name, const PreparedCase& prepared,
                    const PairedFigures& figures, std::size_t calls, benchmark::State& state) {
  std::string pattern;
  const auto probes = with_one_read_probe(figures.probes, pattern);
  const double repeats = static_cast<double>(calls);
  const auto rates = [&](const std::string& unit, double amount) {
    state.counters[unit + "_best"] = amount * repeats / figures.best_seconds * 1e-9;
    state.counters[unit + "_median"] = amount * repeats / figures.median_seconds * 1e-9;
  };
  rates("GFLOPS", prepared.work.operations);
  rates("GBps", prepared.work.bytes);
  state.counters["ms_best"] = figures.best_seconds / repeats * 1e3;
  state.counters["ms_median"] = figures.median_seconds / repeats * 1e3;
  state.counters["ms_p95"] = figures.p95_seconds / repeats * 1e3;
  state.counters["samples"] = static_cast<double>(figures.samples);
  state.counters["clean"] = static_cast<double>(figures.clean);
  state.counters["calls"] = repeats;
  for (const ProbeFigures& probe : probes) {
    state.counters[probe.name + ":best"] = probe.best;
    state.counters[probe.name + ":median"] = probe.median;
    state.counters[probe.name + ":fraction"] = probe.fraction;
    const bool limits = probe.reads || std::find(prepared.limits.begin(), prepared.limits.end(),
                                                 probe.name) != prepared.limits.end();
    if (limits && !(probe.fraction <= kImpossible))
      impossible_.push_back(name.text() + " at " + std::to_string(probe.fraction) + " of " +
                            probe.name);
  }
  state.SetLabel(pattern);
}

bool LineReporter::ReportContext(const Context& /*context*/) {
  std::printf("%-*s %10s %9s %9s %7s %7s  %s\n", static_cast<int>(width_), "benchmark", "median ms",
              "GFLOP/s", "best", "GB/s", "best", "percent of probes (paired medians)");
  return true;
}

void LineReporter::ReportRuns(const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    std::string name = run.benchmark_name();
    name = name.substr(0, name.find("/iterations:"));
    std::printf("%-*s", static_cast<int>(width_), name.c_str());
    if (run.error_occurred) {
      std::printf(" failed: %s\n", run.error_message.c_str());
      continue;
    }
    const auto counter = [&](const char* key) { return run.counters.at(key).value; };
    std::printf(" %10.4f %9.1f %9.1f %7.2f %7.2f ", counter("ms_median"), counter("GFLOPS_median"),
                counter("GFLOPS_best"), counter("GBps_median"), counter("GBps_best"));
    constexpr std::string_view kFraction = ":fraction";
    for (const auto& [key, value] : run.counters)
      if (key.ends_with(kFraction))
        std::printf(" %s %.1f", key.substr(0, key.size() - kFraction.size()).c_str(),
                    100 * value.value);
    std::printf("\n");
    std::fflush(stdout);
  }
}

void print_peaks(ColdMemory& memory, const SampleOptions& sampling) {
  const int all = kernels::thread_count();
  for (const int threads : {1, all}) {
    kernels::set_thread_count(threads);
    std::vector<ProbeRun> probes;
    for (const ComputeProbe& probe : compute_probes())
      if (probe.supported()) probes.push_back(compute_run(probe, kShortestWork, true));
    for (const ReadPattern& pattern : read_patterns())
      if (pattern.supported()) probes.push_back(read_run(pattern, memory, 8 << 20));
    const auto figures = measure_paired({1, 1, [] {}}, probes, sampling);
    for (const ProbeFigures& probe : figures.probes)
      std::printf("T:%d %-32s best %9.2f median %9.2f %s\n", threads, probe.name.c_str(),
                  probe.best, probe.median, probe.reads ? "GB/s" : "G operations/s");
    if (threads == all && all == 1) break;
  }
  kernels::set_thread_count(all);
  for (const CacheReach& r : measure_cache_reach(memory))
    std::printf("T:%d read again and again: %6zu MB %9.2f GB/s\n", all, r.bytes >> 20,
                r.gigabytes_per_second);
}

}  // namespace libquant::benchmarks
