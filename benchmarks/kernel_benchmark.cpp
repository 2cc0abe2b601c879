// kernel_benchmark [NAME...] [--set SET] [--filter REGEX] [--list] [--list-peaks] [--json FILE]
// How fast the kernels are, beside what the machine can do: see the section on benchmarks in
// docs/benchmarks.md.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include "benchmarks/runner.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/threads.h"

namespace libquant::benchmarks {
namespace {

struct Arguments {
  std::vector<std::string> names;
  std::string set = "quick", filter = ".", json;
  bool list = false, list_peaks = false;
  std::size_t memory_megabytes = 1024, repetitions = 1;
  SampleOptions sampling;
};

std::string grammar() {
  std::string text = "Names (any can be run, not just those listed):\n";
  for (const Operation* operation : operations())
    text += "  " + std::string(operation->grammar) + '\n';
  return text + "N tokens, M outputs, K inputs, T threads; instruction sets here: " +
         kernels::usable_isa_names();
}

void add_context(Runner& runner) {
  const auto reach = measure_cache_reach(runner.memory());
  const std::size_t cache = effective_cache_bytes(reach), memory = runner.memory().bytes();
  benchmark::AddCustomContext("usable_isas", kernels::usable_isa_names());
  benchmark::AddCustomContext("kernel_threads", std::to_string(kernels::thread_count()));
  benchmark::AddCustomContext("effective_cache_MB", std::to_string(cache >> 20));
  benchmark::AddCustomContext("cold_memory_MB", std::to_string(memory >> 20));
  for (const CacheReach& r : reach)
    benchmark::AddCustomContext("read_again_" + std::to_string(r.bytes >> 20) + "_MB_GBps",
                                std::to_string(r.gigabytes_per_second));
  std::printf("weights rotate over %zu MB; this process has about %zu MB of the caches\n",
              memory >> 20, cache >> 20);
  if (memory < 4 * cache)
    throw std::runtime_error("weights would not be cold: give --memory " +
                             std::to_string((4 * cache) >> 20) + " or more");
}

// Google Benchmark reads its own options from a command line.
void initialize(const Arguments& a) {
  // Which it goes on to point into.
  static std::vector<std::string> words;
  words = {"kernel_benchmark", "--benchmark_filter=.",
           "--benchmark_repetitions=" + std::to_string(a.repetitions)};
  if (!a.json.empty()) words.push_back("--benchmark_out=" + a.json);
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  int count = static_cast<int>(pointers.size());
  benchmark::Initialize(&count, pointers.data());
}

int run(Arguments& a) {
  if (a.list_peaks) {
    ColdMemory memory(a.memory_megabytes << 20);
    print_peaks(memory, a.sampling);
    return 0;
  }
  if (a.names.empty()) a.names = names_of_set(a.set);
  const std::regex filter(a.filter);
  std::erase_if(a.names, [&](const auto& name) { return !std::regex_search(name, filter); });
  for (const std::string& name : a.names) operation_of(CaseName::parse(name));
  if (a.list) {
    for (const std::string& name : a.names) std::printf("%s\n", name.c_str());
    return 0;
  }
  if (a.names.empty()) throw std::invalid_argument("no benchmark matches --filter " + a.filter);
  initialize(a);
  Runner runner(a.memory_megabytes << 20, a.sampling);
  add_context(runner);
  std::size_t width = 0;
  for (const std::string& name : a.names) {
    width = std::max(width, name.size());
    benchmark::RegisterBenchmark(name.c_str(),
                                 [&runner, parsed = CaseName::parse(name)](
                                     benchmark::State& state) { runner.run(parsed, state); })
        ->Iterations(1)
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  }
  LineReporter reporter(width);
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  for (const std::string& text : runner.impossible())
    std::fprintf(stderr, "faster than possible, so the probe was wrong or disturbed: %s\n",
                 text.c_str());
  return runner.impossible().empty() && !runner.failed() ? 0 : 1;
}

}  // namespace
}  // namespace libquant::benchmarks

int main(int argc, char** argv) {
  using namespace libquant::benchmarks;
  Arguments a;
  CLI::App app("Kernels beside the probes of what this machine can do, in one process.");
  app.footer(grammar());
  app.add_option("names", a.names, "benchmarks to run (default: those of --set)");
  app.add_option("--set", a.set, "quick, full, dense or all (hours: filter it)")
      ->capture_default_str();
  app.add_option("--filter", a.filter, "only names that match this regular expression");
  app.add_flag("--list", a.list, "print the names and end");
  app.add_flag("--list-peaks", a.list_peaks, "measure the probes alone and end");
  app.add_option("--json", a.json, "also write the results to this file");
  app.add_option("--seconds", a.sampling.seconds, "time for each benchmark")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--repetitions", a.repetitions, "of each benchmark")->capture_default_str();
  app.add_option("--memory", a.memory_megabytes, "MB over which weights rotate")
      ->check(CLI::Range(std::size_t{16}, std::size_t{1} << 20))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(a);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kernel_benchmark: %s\n", error.what());
    return 2;
  }
}
