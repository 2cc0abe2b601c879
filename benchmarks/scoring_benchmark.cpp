// scoring_benchmark: scores probe items again and again, as `libquant audit` does, and prints how
// long that takes beside what the machine allows: the floating-point operations of the forward
// passes, everything that prompts share counted once, at 0.8 of the FMA probe, which is measured
// before and after every pass.
//
//   scoring_benchmark MODEL --probes FILE... [--items 48] [--repeat 5] [--letters 0] [--answers 0]
//   [--batch 64]
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <vector>

#include "kernels/cpu/dispatch.h"
#include "kernels/fma_probe.h"
#include "kernels/threads.h"
#include "libquant/checkpoint/checkpoint.h"
#include "libquant/core/error.h"
#include "libquant/model/model.h"
#include "libquant/scoring/load_probes.h"
#include "libquant/scoring/score_items.h"

namespace {

using namespace libquant;
using Clock = std::chrono::steady_clock;

constexpr double kReachable = 0.8, kProbeSeconds = 0.15, kGoal = 1 / 0.6;

struct Arguments {
  std::filesystem::path model;
  std::vector<std::filesystem::path> probes;
  std::size_t items = 48;
  std::size_t repeat = 5;
  ScoringOptions scoring;
};

std::vector<ProbeItem> load(const Arguments& a) {
  std::vector<ProbeItem> all;
  for (const auto& path : a.probes)
    for (ProbeItem& item : load_probes(path).items) all.push_back(std::move(item));
  return sample_items(all, a.items, 1);
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

int run(const Arguments& a) {
  const std::vector<ProbeItem> items = load(a);
  const auto source = open_checkpoint(a.model);
  const Model model(*source);
  const Tokenizer tokenizer(source->tokenizer());
  fmt::print("{} items, {}, {} threads; seconds over the floor, goal at most {:.2f}\n",
             items.size(), kernels::active().name, kernels::thread_count(), kGoal);
  std::vector<double> ratios;
  for (std::size_t r = 0; r < a.repeat; ++r) {
    TreeCost cost;
    const double before = kernels::fma_flops_per_second(kProbeSeconds);
    const auto begin = Clock::now();
    score_items(model, tokenizer, items, a.scoring, {}, {}, &cost);
    const double seconds = seconds_since(begin);
    const double probe = std::max(before, kernels::fma_flops_per_second(kProbeSeconds));
    const double work = flops(cost, model.config()), floor = work / (kReachable * probe);
    ratios.push_back(seconds / floor);
    fmt::print(
        "{:.3f} s for {} tokens, {} rows of logits, {:.3f} TFLOP; probe {:.1f} GFLOP/s, floor "
        "{:.3f} s: {:.3f} times the floor\n",
        seconds, cost.tokens, cost.scored_rows, work / 1e12, probe / 1e9, floor, ratios.back());
  }
  std::sort(ratios.begin(), ratios.end());
  const double median = ratios[ratios.size() / 2];
  fmt::print("median {:.3f} times the floor ({:.2f} of it), best {:.3f}: {}\n", median, 1 / median,
             ratios.front(), median <= kGoal ? "within the goal" : "beyond the goal");
  return median <= kGoal ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  CLI::App app("Scoring of probe items beside its floor");
  app.add_option("model", a.model)->required()->check(CLI::ExistingPath);
  app.add_option("--probes", a.probes)->required()->check(CLI::ExistingFile);
  app.add_option("--items", a.items, "a stratified sample; 0: all");
  app.add_option("--repeat", a.repeat)->check(CLI::PositiveNumber);
  app.add_option("--letters", a.scoring.letters);
  app.add_option("--answers", a.scoring.answers);
  app.add_option("--batch", a.scoring.batch_items, "items scored together")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(a);
  } catch (const Error& error) {
    fmt::print(stderr, "scoring_benchmark: {}\n", error.what());
    return 2;
  }
}
