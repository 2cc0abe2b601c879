#include "benchmarks/paired.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <numeric>

#include "kernels/fma_probe.h"
#include "kernels/threads.h"

namespace libquant::benchmarks {
namespace {

double seconds() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

long lost_cores() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nivcsw;
}

// About half a millisecond, in pieces small enough that a thread that wakes late costs little.
double probe_gflops(Probe probe) {
  constexpr std::size_t kPieces = 16, kRounds = 5000;
  const auto pieces = kPieces * static_cast<std::size_t>(kernels::thread_count());
  std::vector<double> flops(pieces);
  const double start = seconds();
  kernels::parallel_for(pieces, 1, [&](std::size_t i) {
    flops[i] =
        probe == Probe::fma_f32 ? kernels::run_fma_f32(kRounds) : kernels::run_fma_f64(kRounds);
  });
  const double taken = seconds() - start;
  return std::accumulate(flops.begin(), flops.end(), 0.0) / taken * 1e-9;
}

struct Sample {
  double work, probe;
  bool clean;
};

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

void report(benchmark::State& state, std::vector<Sample> samples) {
  const auto clean = std::count_if(samples.begin(), samples.end(), [](auto& s) { return s.clean; });
  if (clean >= 5)
    samples.erase(std::remove_if(samples.begin(), samples.end(), [](auto& s) { return !s.clean; }),
                  samples.end());
  std::vector<double> work, probe, ratio;
  for (const Sample& s : samples) {
    work.push_back(s.work);
    probe.push_back(s.probe);
    ratio.push_back(s.work / s.probe);
  }
  state.counters["best"] = quantile(work, 1);
  state.counters["median"] = quantile(work, 0.5);
  state.counters["probe_best"] = quantile(probe, 1);
  state.counters["probe_median"] = quantile(probe, 0.5);
  state.counters["fraction"] = quantile(ratio, 0.5);
  state.counters["fraction_of_best"] = quantile(work, 1) / quantile(probe, 1);
  state.counters["clean"] = static_cast<double>(clean);
}

}  // namespace

void run_paired(benchmark::State& state, Probe probe, double flops,
                const std::function<void()>& work) {
  work();
  probe_gflops(probe);
  std::vector<Sample> samples;
  for (auto iteration : state) {
    static_cast<void>(iteration);
    const long lost = lost_cores();
    const double before = probe_gflops(probe);
    const double start = seconds();
    work();
    const double taken = seconds() - start;
    const double after = probe_gflops(probe);
    state.SetIterationTime(taken);
    samples.push_back({flops / taken * 1e-9, (before + after) / 2, lost_cores() == lost});
  }
  report(state, std::move(samples));
}

}  // namespace libquant::benchmarks
