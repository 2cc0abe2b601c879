#include "benchmarks/paired.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <numeric>

#include "kernels/threads.h"

namespace libquant::benchmarks {
namespace {

constexpr std::size_t kPage = 4096;

long lost_cores() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nivcsw;
}

// Small enough that a thread that wakes late costs little.
std::size_t probe_pieces() { return 8 * static_cast<std::size_t>(kernels::thread_count()); }

double run_on_all_threads(const ComputeProbe& probe, std::size_t rounds) {
  std::vector<double> done(probe_pieces());
  kernels::parallel_for(done.size(), 1,
                        [&](std::size_t i) { done[i] = probe.run(rounds / done.size() + 1); });
  return std::accumulate(done.begin(), done.end(), 0.0);
}

struct Sample {
  double seconds;
  std::vector<double> rates;  // of the probes, per second
  bool clean;
};

struct Timed {
  double amount = 0, seconds = 0;
};

void add_run(const ProbeRun& probe, Timed& total) {
  const double start = seconds_now();
  total.amount += probe.run();
  total.seconds += seconds_now() - start;
}

Sample take_sample(const Work& work, const std::vector<ProbeRun>& probes) {
  std::vector<Timed> totals(probes.size());
  const auto run = [&](std::size_t p, bool limits) {
    if (probes[p].limits == limits) add_run(probes[p], totals[p]);
  };
  const auto before = [&](bool limits) {
    for (std::size_t p = 0; p < probes.size(); ++p) run(p, limits);
  };
  const auto after = [&](bool limits) {
    for (std::size_t p = probes.size(); p-- > 0;) run(p, limits);
  };
  const long lost = lost_cores();
  before(false);
  work.run();
  before(true);
  const double start = seconds_now();
  work.run();
  Sample sample{seconds_now() - start, {}, false};
  after(true);
  after(false);
  sample.clean = lost_cores() == lost;
  for (const Timed& total : totals) sample.rates.push_back(total.amount / total.seconds);
  return sample;
}

PairedFigures figures(const Work& work, const std::vector<ProbeRun>& probes,
                      std::vector<Sample> samples) {
  PairedFigures result;
  const auto dirty = [](const Sample& s) { return !s.clean; };
  result.clean = samples.size() -
                 static_cast<std::size_t>(std::count_if(samples.begin(), samples.end(), dirty));
  if (result.clean >= 5) std::erase_if(samples, dirty);
  result.samples = samples.size();
  std::vector<double> seconds;
  for (const Sample& s : samples) seconds.push_back(s.seconds);
  result.best_seconds = quantile(seconds, 0);
  result.median_seconds = quantile(seconds, 0.5);
  result.p95_seconds = quantile(seconds, 0.95);
  for (std::size_t p = 0; p < probes.size(); ++p) {
    const double amount = probes[p].reads ? work.bytes : work.operations;
    std::vector<double> rates, fractions;
    for (const Sample& s : samples) {
      rates.push_back(s.rates[p] * 1e-9);
      fractions.push_back(amount / s.seconds / s.rates[p]);
    }
    result.probes.push_back({probes[p].name, probes[p].reads, quantile(rates, 1),
                             quantile(rates, 0.5), quantile(fractions, 0.5)});
  }
  return result;
}

}  // namespace

double seconds_now() noexcept {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
}

void read_on_all_threads(const ReadPattern& pattern, const char* data, std::size_t bytes) {
  const std::size_t pieces = std::min(probe_pieces(), bytes / kPage);
  kernels::parallel_for(pieces, 1, [&](std::size_t i) {
    const std::size_t pages = bytes / kPage;
    const std::size_t begin = pages * i / pieces, end = pages * (i + 1) / pieces;
    pattern.read(data + begin * kPage, (end - begin) * kPage);
  });
}

ProbeRun compute_run(const ComputeProbe& probe, double seconds, bool limits) {
  run_on_all_threads(probe, 1000);
  constexpr std::size_t kRounds = 20000;
  const double start = seconds_now();
  run_on_all_threads(probe, kRounds);
  const double rounds = kRounds * seconds / (seconds_now() - start);
  return {std::string(probe.name), false, limits, [&probe, rounds] {
            return run_on_all_threads(probe, static_cast<std::size_t>(rounds) + 1);
          }};
}

ProbeRun read_run(const ReadPattern& pattern, ColdMemory& memory, std::size_t bytes) {
  const std::size_t stride = memory.slot_stride();
  const std::size_t slots =
      std::clamp<std::size_t>((bytes + stride - 1) / stride, 1, memory.slots());
  // Of a slot that is larger than wanted only the beginning is read.
  const std::size_t wanted = std::min(slots * stride, (bytes + kPage - 1) / kPage * kPage);
  return {std::string(pattern.name), true, true, [&pattern, &memory, slots, wanted] {
            read_on_all_threads(pattern, memory.take(slots), wanted);
            return static_cast<double>(wanted);
          }};
}

PairedFigures measure_paired(const Work& work, const std::vector<ProbeRun>& probes,
                             const SampleOptions& options) {
  work.run();
  for (const ProbeRun& probe : probes) probe.run();
  std::vector<Sample> samples;
  const double start = seconds_now();
  while (samples.size() < options.least_samples ||
         (seconds_now() - start < options.seconds && samples.size() < options.most_samples))
    samples.push_back(take_sample(work, probes));
  return figures(work, probes, std::move(samples));
}

std::vector<const ReadPattern*> fastest_patterns(ColdMemory& memory, std::size_t bytes,
                                                 std::size_t count) {
  std::vector<const ReadPattern*> usable;
  std::vector<ProbeRun> runs;
  for (const ReadPattern& pattern : read_patterns()) {
    if (!pattern.supported()) continue;
    usable.push_back(&pattern);
    runs.push_back(read_run(pattern, memory, bytes));
  }
  constexpr std::size_t kTurns = 15;
  std::vector<std::vector<double>> rates(usable.size());
  for (std::size_t turn = 0; turn < kTurns; ++turn) {
    for (std::size_t p = 0; p < runs.size(); ++p) {
      Timed timed;
      add_run(runs[p], timed);
      rates[p].push_back(timed.amount / timed.seconds);
    }
  }
  std::vector<std::size_t> order(usable.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return quantile(rates[a], 0.5) > quantile(rates[b], 0.5);
  });
  std::vector<const ReadPattern*> result;
  for (std::size_t i = 0; i < std::min(count, order.size()); ++i)
    result.push_back(usable[order[i]]);
  return result;
}

}  // namespace libquant::benchmarks
