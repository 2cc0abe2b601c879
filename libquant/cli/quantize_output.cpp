#include "libquant/cli/quantize_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "libquant/cli/console.h"

namespace libquant::cli {
namespace {

Json plan_json(const Checkpoint& source, const QuantizePlan& plan) {
  Json::Array ignored;
  for (const auto& name : plan.ignored) ignored.emplace_back(name);
  return Json::object({{"source_type", source.type_name()},
                       {"layers", plan.layers},
                       {"scheme", to_json(plan.scheme)},
                       {"ignored", std::move(ignored)},
                       {"group_fallbacks", plan.group_fallbacks},
                       {"calibration_tokens", plan.calibration_tokens},
                       {"calibration_tokens_available", plan.calibration_tokens_available},
                       {"expected_peak_bytes", plan.expected_peak_bytes},
                       {"expected_disk_bytes", plan.expected_disk_bytes},
                       {"floor_flops", plan.floor_flops},
                       {"probe_items", plan.probe_items},
                       {"probe_tokens", plan.probe_tokens},
                       {"trials", plan.trials},
                       {"trial_items", plan.trial_items},
                       {"trial_flops", plan.trial_flops}});
}

std::string layer_note(const LayerReport& r) {
  std::string note = r.fallback.empty() ? "" : "FELL BACK: " + r.fallback;
  if (r.group_fallback) note += note.empty() ? "group fallback" : ", group fallback";
  return note;
}

// What calibration decided is shown where there was any.
void print_layers(const QuantizeReport& report) {
  const bool calibrated = std::any_of(report.layers.begin(), report.layers.end(),
                                      [](const auto& layer) { return layer.report.tokens > 0; });
  Table table(calibrated ? std::vector<std::string>{"layer", "scheme", "error", "rounding",
                                                    "damping", "tokens", "seconds", "note"}
                         : std::vector<std::string>{"layer", "scheme", "error", "seconds", "note"});
  for (const auto& layer : report.layers) {
    const LayerReport& r = layer.report;
    std::vector<std::string> row{layer.name, to_string(layer.scheme),
                                 fmt::format("{:.3e}", r.error)};
    if (calibrated) {
      row.push_back(fmt::format("{:.3e}", r.rtn_error));
      row.push_back(fmt::format("{:.4f}", r.damping));
      row.push_back(fmt::format("{}", r.tokens));
    }
    row.push_back(fmt::format("{:.2f}", r.seconds));
    row.push_back(layer_note(r));
    table.add(std::move(row));
  }
  fmt::print("\n{}", table.text());
}

void print_fairness(const QuantizeReport& report) {
  const FairReport& fair = *report.fairness;
  Table table(
      {"layer", "alpha", "trace ratio", "reconstruction", "probe error", "columns (share)"});
  for (const auto& layer : report.layers) {
    if (!layer.fairness) continue;
    const FairLayerReport& f = *layer.fairness;
    std::string columns;
    for (std::size_t i = 0; i < f.columns.size() && i < 3; ++i)
      columns += fmt::format("{}{} ({:.0f} %)", i == 0 ? "" : ", ", f.columns[i].column,
                             100 * f.columns[i].share);
    table.add({layer.name, f.skipped ? "skipped" : fmt::format("{:.3g}", f.alpha),
               fmt::format("{:.2e}", f.trace_ratio), fmt::format("{:.3e}", f.reconstruction),
               fmt::format("{:.3e}", f.probe_error), columns});
  }
  fmt::print("\nfairness term: {}, {}, control {}, strength {}, keep {}; {} items, {} tokens\n{}",
             fair.mode, fair.statistic, fair.control, fair.strength, fair.keep, fair.items,
             fair.rows, table.text());
  if (fair.statistics_seconds > 0)
    fmt::print("statistics of the probes took {}\n", seconds_text(fair.statistics_seconds));
  if (fair.skipped_layers > 0)
    fmt::print("{} layers without the term: their probe statistics are zero\n",
               fair.skipped_layers);
}

// Widths that were chosen, block by block, and what uniform ones would have cost.
void print_bits(const BitPlan& plan) {
  std::map<std::size_t, std::map<std::string, int>> blocks;
  std::map<int, std::pair<std::uint64_t, double>> uniform;
  for (const BitGroup& group : plan.groups) {
    for (const auto& layer : group.layers) {
      const std::size_t begin = layer.find("layers.") + 7, end = layer.find('.', begin);
      blocks[std::stoul(layer.substr(begin, end - begin))][layer.substr(layer.rfind('.') + 1)] =
          group.choices[group.chosen].bits;
    }
    for (const BitChoice& choice : group.choices) {
      uniform[choice.bits].first += choice.bytes;
      uniform[choice.bits].second += choice.loss;
    }
  }
  Table table({"bits of block", "q, k, v", "o", "gate, up", "down"});
  const auto cell = [](const std::map<std::string, int>& block, const char* name) {
    const auto found = block.find(name);
    return found == block.end() ? std::string("-") : std::to_string(found->second);
  };
  for (const auto& [number, block] : blocks)
    table.add({std::to_string(number), cell(block, "q_proj"), cell(block, "o_proj"),
               cell(block, "gate_proj"), cell(block, "down_proj")});
  fmt::print("\n{}{:.3f} bits per weight (budget {:.3f}), {} as {}, predicted loss {:.4g} nats\n",
             table.text(), plan.bits_per_weight(), plan.budget,
             bytes_text(static_cast<double>(plan.bytes())), plan.format, plan.predicted_loss());
  for (const auto& [bits, cost] : uniform)
    fmt::print("  all with {} bits: {}, predicted loss {:.4g}\n", bits,
               bytes_text(static_cast<double>(cost.first)), cost.second);
  if (plan.fallbacks > 0)
    fmt::print(
        "  {} predictions are of rounding to nearest, where GPTQ could not factor the form\n",
        plan.fallbacks);
}

void print_search(const SearchReport& search) {
  Table table({"trial", "strength", "scope", "clip", "neutral", "KL", "to stereotype",
               "to abstaining", "loss", "seconds"});
  for (std::size_t i = 0; i < search.trials.size(); ++i) {
    const TrialReport& t = search.trials[i];
    table.add(
        {fmt::format("{}{}", i + 1, i == search.chosen ? " (written)" : ""),
         fmt::format("{}", t.settings.strength), std::string(to_string(t.settings.scope)),
         fmt::format("{}{}", t.settings.clip_norm, t.settings.clip_weighted ? " weighted" : ""),
         fmt::format("{:.5f}", t.loss.neutral), fmt::format("{:.5f}", t.loss.kl),
         fmt::format("{:+.4f}", t.loss.stereotype_shift),
         fmt::format("{:+.4f}", t.loss.unknown_shift), fmt::format("{:.5f}", t.total),
         fmt::format("{:.1f}", t.seconds)});
  }
  fmt::print(
      "\nsearch: {} of at most {} trials, judged on {} items and {} tokens of other text; "
      "loss = neutral + {} KL + {} max(0, to stereotype)^2 + {} max(0, -to abstaining)^2\n{}",
      search.trials.size(), search.budget, search.items, search.text_tokens, search.weights.kl,
      search.weights.shift, search.weights.abstention, table.text());
}

void print_refinement(const RefineReport& r) {
  fmt::print(
      "\nrefinement of the scales of {} rows: {} steps{} over {} windows and {} items; on {} "
      "windows and {} items kept apart\n",
      r.parameters, r.batches.size(), r.stopped_early ? " (stopped early)" : "", r.windows, r.items,
      r.select_windows, r.select_items);
  Table table({"step", "text, nats per token", "probes, nats per item", ""});
  for (const auto& look : r.looks)
    table.add({fmt::format("{}", look.step), fmt::format("{:.5f}", look.text),
               fmt::format("{:.5f}", look.probes), look.step == r.best_step ? "taken" : ""});
  fmt::print("{}it took {}\n", table.text(), seconds_text(r.seconds));
}

void print_totals(const QuantizeReport& r, const QuantizeOptions& options) {
  fmt::print("\n{} weights in {:.2f} bits each; {} layers", r.quantized_weights, r.bits_per_weight,
             r.layers.size());
  if (!r.ignored.empty()) fmt::print(", {} kept dense", r.ignored.size());
  if (r.group_fallbacks > 0) fmt::print(", {} with the fallback group", r.group_fallbacks);
  if (r.blocks_resumed > 0 && !r.search)
    fmt::print(", {} of {} blocks from an earlier call", r.blocks_resumed, r.blocks);
  fmt::print("\ntime {}", seconds_text(r.seconds));
  if (r.floor_seconds() > 0 && r.blocks_resumed == 0)
    fmt::print(" = {:.2f} x the floor of {} on this machine", r.seconds / r.floor_seconds(),
               seconds_text(r.floor_seconds()));
  fmt::print(" (forward {}, Hessians {}, solving {}, writing {})\n",
             seconds_text(r.forward_seconds), seconds_text(r.hessian_seconds),
             seconds_text(r.solve_seconds), seconds_text(r.write_seconds));
  fmt::print("peak memory {} (expected {})\n", bytes_text(r.peak_anonymous_bytes),
             bytes_text(r.expected_peak_bytes));
  fmt::print("size {} (source {})\n", bytes_text(static_cast<double>(r.quantized_bytes)),
             bytes_text(static_cast<double>(r.source_bytes)));
  for (const auto& note : r.notes) fmt::print("note: {}\n", note);
  for (const auto& file : r.files) fmt::print("wrote {}\n", (options.output / file).string());
}

}  // namespace

void print_plan(const Checkpoint& source, const QuantizeOptions& options, const QuantizePlan& plan,
                bool json) {
  if (json) {
    fmt::print("{}\n", plan_json(source, plan).dump(2));
    return;
  }
  if (options.bit_plan) print_bits(*options.bit_plan);
  fmt::print("source: {} ({}, weights in {})\n", options.source_name, source.format(),
             source.type_name());
  fmt::print("plan: {} layers to {} with {}", plan.layers, to_string(plan.scheme),
             to_string(options.layer.method));
  if (plan.group_fallbacks > 0)
    fmt::print(", {} of them with the fallback group", plan.group_fallbacks);
  if (!plan.ignored.empty()) fmt::print(", {} kept dense", plan.ignored.size());
  fmt::print("\n");
  if (plan.calibration_tokens > 0)
    fmt::print("calibration: {} of {} tokens\n", plan.calibration_tokens,
               plan.calibration_tokens_available);
  if (plan.probe_items > 0 || plan.probe_tokens > 0)
    fmt::print("fairness: {} probe items, {} tokens\n", plan.probe_items, plan.probe_tokens);
  fmt::print("expected: {} of memory, {} of disk", bytes_text(plan.expected_peak_bytes),
             bytes_text(plan.expected_disk_bytes));
  if (plan.calibration_tokens > 0) fmt::print(", {:.2f} TFLOP at least", plan.floor_flops / 1e12);
  fmt::print("\n");
  if (plan.trials > 0)
    fmt::print("search: up to {} trials, each {:.2f} TFLOP at least; judged on {} items\n",
               plan.trials, plan.trial_flops / 1e12, plan.trial_items);
  std::fflush(stdout);
}

void print_report(const QuantizeReport& report, const QuantizeOptions& options, bool json) {
  if (json) {
    fmt::print("{}\n", to_json(report).dump(2));
    return;
  }
  print_layers(report);
  if (report.fairness) print_fairness(report);
  if (report.search) print_search(*report.search);
  if (report.refinement) print_refinement(*report.refinement);
  print_totals(report, options);
  if (report.method_fallbacks > 0)
    fmt::print("{}: {} layers fell back to rounding ({} allowed)\n",
               report.too_many_fallbacks() ? "FAILED" : "warning", report.method_fallbacks,
               report.max_fallback);
}

}  // namespace libquant::cli
