// Dense kernels at the shapes of SmolLM2-135M against the FMA probe of the same process.
//   gemm_benchmark [--benchmark_filter=REGEX] [--benchmark_out=FILE] [--benchmark_format=json]
// OMP_NUM_THREADS sets the threads, LIBQUANT_ISA the instruction set.

#include <cstdio>
#include <exception>
#include <memory>
#include <random>
#include <string>

#include "benchmarks/paired.h"
#include "kernels/attention.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/fma_probe.h"
#include "kernels/gemm.h"
#include "kernels/threads.h"

namespace libquant::benchmarks {
namespace {

constexpr std::size_t kHidden = 576, kIntermediate = 1536, kKv = 192, kVocabulary = 49152;
constexpr std::size_t kHeads = 9, kKvHeads = 3, kHeadDim = 64;

template <typename T>
std::vector<T> uniform(std::size_t count) {
  std::mt19937 rng(static_cast<unsigned>(count));
  std::uniform_real_distribution<T> values(-1, 1);
  std::vector<T> result(count);
  for (T& value : result) value = values(rng);
  return result;
}

void linear(benchmark::State& state, std::size_t tokens, std::size_t outputs, std::size_t inputs) {
  const auto x = uniform<float>(tokens * inputs), w = uniform<float>(outputs * inputs);
  std::vector<float> y(tokens * outputs);
  run_paired(state, Probe::fma_f32, 2.0 * static_cast<double>(tokens * outputs * inputs), [&] {
    kernels::linear_f32(tokens, outputs, inputs, x.data(), inputs, w.data(), inputs, false,
                        y.data(), outputs);
  });
  // What a decode step is bound by: the weights, read once.
  state.counters["weights_GBps"] =
      benchmark::Counter(static_cast<double>(4 * outputs * inputs) * 1e-9,
                         benchmark::Counter::kIsIterationInvariantRate);
}

void gemm_f64(benchmark::State& state, std::size_t m, std::size_t n, std::size_t k) {
  const auto a = uniform<double>(m * k), b = uniform<double>(k * n);
  std::vector<double> c(m * n);
  const auto lda = static_cast<std::ptrdiff_t>(k), ldb = static_cast<std::ptrdiff_t>(n);
  run_paired(state, Probe::fma_f64, 2.0 * static_cast<double>(m * n * k), [&] {
    kernels::gemm_f64(m, n, k, {a.data(), lda, 1}, {b.data(), ldb, 1}, false, c.data(), n);
  });
}

void syrk(benchmark::State& state, std::size_t tokens, std::size_t k) {
  const auto x = uniform<float>(tokens * k);
  std::vector<double> h(k * k);
  run_paired(state, Probe::fma_f32, static_cast<double>(tokens * k * k),
             [&] { kernels::syrk_f64_f32(tokens, k, x.data(), k, h.data(), k); });
}

// Only the visible (query, key) pairs count as work.
void attention(benchmark::State& state, std::size_t queries, std::size_t keys, std::size_t window) {
  const auto q = uniform<float>(queries * kHidden), k = uniform<float>(keys * kKv);
  const auto v = uniform<float>(keys * kKv + 1);
  std::vector<float> out(queries * kHidden);
  double pairs = 0;
  for (std::size_t i = 0; i < queries; ++i) {
    const std::size_t seen = keys - queries + i + 1;
    pairs += static_cast<double>(window > 0 && seen > window ? window : seen);
  }
  run_paired(state, Probe::fma_f32, pairs * 4 * kHeads * kHeadDim, [&] {
    kernels::attention_f32({queries, keys, kHeads, kKvHeads, kHeadDim, window, 0.125f}, q.data(),
                           kHidden, k.data(), v.data(), kKv, out.data(), kHidden);
  });
}

template <typename Function, typename... Sizes>
void add(const std::string& name, Function function, Sizes... sizes) {
  benchmark::RegisterBenchmark(
      name.c_str(),
      [=](benchmark::State& state) { function(state, static_cast<std::size_t>(sizes)...); })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

void register_all() {
  for (const std::size_t tokens : {2048, 512}) {
    const std::string name = "linear/tokens:" + std::to_string(tokens);
    add(name + "/576x576", linear, tokens, kHidden, kHidden);
    add(name + "/192x576", linear, tokens, kKv, kHidden);
    add(name + "/1536x576", linear, tokens, kIntermediate, kHidden);
    add(name + "/576x1536", linear, tokens, kHidden, kIntermediate);
    add(name + "/49152x576", linear, tokens, kVocabulary, kHidden);
  }
  for (const std::size_t tokens : {1, 2, 4, 8, 16, 32, 64}) {
    const std::string name = "linear/tokens:" + std::to_string(tokens);
    add(name + "/1536x576", linear, tokens, kIntermediate, kHidden);
    add(name + "/49152x576", linear, tokens, kVocabulary, kHidden);
  }
  add("gemm_f64/576x576x576", gemm_f64, kHidden, kHidden, kHidden);
  add("gemm_f64/1536x1536x1536", gemm_f64, kIntermediate, kIntermediate, kIntermediate);
  add("syrk/2048x576", syrk, 2048, kHidden);
  add("syrk/2048x1536", syrk, 2048, kIntermediate);
  add("syrk/512x1536", syrk, 512, kIntermediate);
  add("attention/2048", attention, 2048, 2048, 0);
  add("attention/512", attention, 512, 512, 0);
  add("attention/2048/window:512", attention, 2048, 2048, 512);
  add("attention/16_after_2048", attention, 16, 2064, 0);
  add("attention/decode_2048", attention, 1, 2048, 0);
  add("attention/decode_16384", attention, 1, 16384, 0);
}

}  // namespace
}  // namespace libquant::benchmarks

int main(int argc, char** argv) {
  using namespace libquant;
  try {
    benchmark::AddCustomContext("isa", kernels::active().name);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  benchmark::AddCustomContext("threads", std::to_string(kernels::thread_count()));
  benchmark::AddCustomContext("probe_bits", std::to_string(kernels::fma_probe_bits()));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmarks::register_all();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
