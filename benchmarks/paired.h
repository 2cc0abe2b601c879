#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <vector>

namespace libquant::benchmarks {

enum class Probe { fma_f32, fma_f64 };

/// Times `work`, of `flops` operations, between two runs of the FMA probe on the same threads, once
/// per iteration, and reports (in GFLOP/s) best and median of both, and the median of work / probe
/// within one iteration, which stays meaningful on a shared machine. Iterations in which a thread
/// of this process lost its core are left out unless fewer than five are left; `clean` counts the
/// rest.
void run_paired(benchmark::State& state, Probe probe, double flops,
                const std::function<void()>& work);

}  // namespace libquant::benchmarks
