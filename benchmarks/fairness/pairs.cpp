// fairness_pairs: quantized models against each other, item by item, from the scores that
// `libquant audit --output` leaves. Markdown on standard output. Files that differ by "-seed-N"
// alone are runs of one method: its row has their mean, and their own figures behind it.
//
//   fairness_pairs --probes FILE... --base base.jsonl --reference plain [--gain fair]
//                  plain.jsonl plain-seed-1.jsonl fair.jsonl...
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "libquant/audit/comparison.h"
#include "libquant/audit/score_file.h"
#include "libquant/core/error.h"
#include "libquant/scoring/load_probes.h"
#include "libquant/stats/resample.h"

namespace {

using namespace libquant;
namespace fs = std::filesystem;

constexpr std::size_t kResamples = 4000;
constexpr double kLevel = 0.95;
constexpr std::uint64_t kSeed = 1;

/// One measure as a ratio of sums over items.
struct Measure {
  std::string name;
  double scale;  ///< for people: 100 for percent
  std::function<double(const ItemComparison&)> top, bottom;
  bool size = false;  ///< never below 0: what is left of the reference's is worth a row
};

double one(const ItemComparison&) { return 1; }
double if_ambiguous(const ItemComparison& c, double value) {
  return c.item->condition == Condition::ambiguous ? value : std::nan("");
}

std::vector<Measure> choice_measures() {
  return {
      {"KL, 1e-3 nats", 1e3, [](const auto& c) { return c.kl_divergence; }, one, true},
      {"KL weighted by 1/(margin + .1)", 1e3,
       [](const auto& c) { return c.margin_weight() * c.kl_divergence; },
       [](const auto& c) { return c.margin_weight(); }, true},
      {"excess emergence, %", 100,
       [](const auto& c) { return c.emergence.observed - c.emergence.null; },
       [](const auto& c) { return c.emergence.base; }},
      {"chosen answer changed, %", 100,
       [](const auto& c) { return c.base_choice != c.quantized_choice ? 1.0 : 0.0; }, one},
      {"shift to stereotype, 1e-3 nats", 1e3, [](const auto& c) { return c.stereotype_shift; },
       one},
      {"size of that shift", 1e3, [](const auto& c) { return std::fabs(c.stereotype_shift); }, one,
       true},
      {"shift to unknown (ambiguous)", 1e3,
       [](const auto& c) { return if_ambiguous(c, c.unknown_shift); }, one},
      {"option entropy / original's, %", 100, [](const auto& c) { return c.quantized_entropy; },
       [](const auto& c) { return c.base_entropy; }},
      {"disambiguated accuracy, %", 100,
       [](const auto& c) {
         if (c.item->condition != Condition::disambiguated) return std::nan("");
         return static_cast<int>(c.quantized_choice) == c.item->correct ? 1.0 : 0.0;
       },
       one},
  };
}

std::vector<Measure> pair_measures() {
  return {
      {"pairs: shift to stereotype, 1e-3 nats per token", 1e3,
       [](const auto& c) { return c.stereotype_shift; }, one},
      {"pairs: size of that shift", 1e3,
       [](const auto& c) { return std::fabs(c.stereotype_shift); }, one, true},
      {"pairs: preferred sentence changed, %", 100,
       [](const auto& c) { return c.base_choice != c.quantized_choice ? 1.0 : 0.0; }, one},
  };
}

/// Terms of a measure for every item; NaN leaves the item out.
struct Terms {
  std::vector<double> top, bottom;
  std::vector<std::uint32_t> cluster;
};

/// One method: a comparison with the original for every run.
struct Method {
  std::string name;
  std::vector<Comparison> runs;
};

double mean_top(const Measure& measure, std::span<const Comparison> runs, std::size_t item) {
  double sum = 0;
  for (const Comparison& run : runs) sum += measure.top(run.items[item]);
  return sum / static_cast<double>(runs.size());
}

// Denominators depend on the original alone, so all runs share them.
Terms terms_of(const Measure& measure, std::span<const Comparison> runs,
               std::span<const Comparison> minus = {}) {
  Terms terms;
  const std::vector<ItemComparison>& items = runs.front().items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    double top = mean_top(measure, runs, i);
    if (!minus.empty()) top -= mean_top(measure, minus, i);
    const double bottom = measure.bottom(items[i]);
    if (!std::isfinite(top) || !std::isfinite(bottom)) continue;
    terms.top.push_back(measure.scale * top);
    terms.bottom.push_back(bottom);
    terms.cluster.push_back(items[i].cluster);
  }
  return terms;
}

std::string cell(const Terms& terms) {
  if (terms.top.empty()) return "-";
  const BootstrapResult r =
      cluster_bootstrap_ratio(terms.top, terms.bottom, terms.cluster, kResamples, kLevel, kSeed);
  return fmt::format("{:.2f} [{:.2f}, {:.2f}]", r.estimate, r.interval.low, r.interval.high);
}

double estimate(const Terms& terms) {
  const auto sum = [](const std::vector<double>& v) {
    return std::accumulate(v.begin(), v.end(), 0.0);
  };
  return sum(terms.top) / sum(terms.bottom);
}

// The figures of the runs one by one: how far two differ that should not.
std::string runs_of(const Measure& measure, const Method& method) {
  if (method.runs.size() == 1) return {};
  std::vector<std::string> values;
  for (const Comparison& run : method.runs)
    values.push_back(fmt::format("{:.1f}", estimate(terms_of(measure, {&run, 1}))));
  return fmt::format(" ({})", fmt::join(values, ", "));
}

// What is left of the reference's value, as a ratio of sums with its own interval.
std::string share_cell(const Measure& measure, const Method& of, const Method& reference) {
  Terms left = terms_of(measure, of.runs);
  const Terms whole = terms_of(measure, reference.runs);
  left.bottom = whole.top;
  for (double& value : left.top) value *= 100;
  return cell(left);
}

// How much of another method's gain over the reference this one has too: what a control leaves to
// be explained.
std::string gain_cell(const Measure& measure, const Method& of, const Method& gain,
                      const Method& reference) {
  Terms share = terms_of(measure, reference.runs, of.runs);
  share.bottom = terms_of(measure, reference.runs, gain.runs).top;
  for (double& value : share.top) value *= 100;
  return cell(share);
}

struct Arguments {
  std::vector<fs::path> probes, models;
  fs::path base;
  std::string reference, gain;
};

std::vector<ProbeItem> scored_items(const Arguments& a, const ScoreFile& base) {
  std::unordered_set<std::string> ids;
  for (const ItemScore& score : base.scores) ids.insert(score.id);
  std::vector<ProbeItem> items;
  for (const auto& path : a.probes)
    for (ProbeItem& item : load_probes(path).items)
      if (ids.contains(item.id)) items.push_back(std::move(item));
  require(!items.empty(), "none of the probes' items is in {}", a.base.string());
  return items;
}

std::string method_of(const fs::path& scores) {
  const std::string name = scores.stem().string();
  const auto cut = name.find("-seed-");
  return cut == std::string::npos ? name : name.substr(0, cut);
}

/// In the order of the arguments, the reference first.
std::vector<Method> methods(const Arguments& a, std::span<const ProbeItem> items,
                            const ScoreFile& base, ScoringFormat format) {
  std::vector<Method> all = {{a.reference, {}}};
  for (const fs::path& path : a.models) {
    const std::string name = method_of(path);
    auto found =
        std::find_if(all.begin(), all.end(), [&](const auto& m) { return m.name == name; });
    if (found == all.end()) found = all.insert(all.end(), {name, {}});
    found->runs.push_back(compare_scores(items, base.scores, read_scores(path).scores, format, {}));
  }
  require(!all.front().runs.empty(), "no scores of the reference, {}", a.reference);
  const std::size_t expected = all.front().runs.front().items.size();
  for (const Method& method : all)
    for (const auto& scored : method.runs)
      require(scored.items.size() == expected,
              "{} has scores of {} items, the reference {} of {}: is an audit under way?",
              method.name, scored.items.size(), a.reference, expected);
  return all;
}

void print_table(const Arguments& a, std::span<const ProbeItem> items, const ScoreFile& base,
                 ScoringFormat format, const std::vector<Measure>& measures) {
  const std::vector<Method> all = methods(a, items, base, format);
  const Method& reference = all.front();
  if (reference.runs.front().items.empty()) return;
  const auto gain =
      std::find_if(all.begin(), all.end(), [&](const Method& m) { return m.name == a.gain; });
  require(a.gain.empty() || gain != all.end(), "no scores of {}, whose gain is asked for", a.gain);
  fmt::print("\n{}: {} items\n\n| model |", to_string(format), reference.runs.front().items.size());
  for (const Measure& measure : measures) fmt::print(" {} |", measure.name);
  fmt::print("\n|---|");
  for (std::size_t i = 0; i < measures.size(); ++i) fmt::print("---|");
  const auto row = [&](const std::string& name, auto&& value) {
    fmt::print("\n| {} |", name);
    for (const Measure& measure : measures) fmt::print(" {} |", value(measure));
  };
  for (const Method& method : all) {
    row(&method == &reference ? method.name + " (reference)" : method.name,
        [&](const Measure& m) { return cell(terms_of(m, method.runs)) + runs_of(m, method); });
    if (&method == &reference) continue;
    row(method.name + " - reference",
        [&](const Measure& m) { return cell(terms_of(m, method.runs, reference.runs)); });
    row(method.name + " / reference, %", [&](const Measure& m) {
      return m.size ? share_cell(m, method, reference) : std::string();
    });
    if (gain == all.end() || method.name == gain->name) continue;
    row(method.name + " - " + gain->name,
        [&](const Measure& m) { return cell(terms_of(m, method.runs, gain->runs)); });
    row(fmt::format("{}: share of {}'s gain, %", method.name, gain->name), [&](const Measure& m) {
      return m.size ? gain_cell(m, method, *gain, reference) : std::string();
    });
  }
  fmt::print("\n");
}

void run(const Arguments& a) {
  const ScoreFile base = read_scores(a.base);
  const std::vector<ProbeItem> items = scored_items(a, base);
  print_table(a, items, base, ScoringFormat::answer_per_token, choice_measures());
  print_table(a, items, base, ScoringFormat::sentence_per_token, pair_measures());
  fmt::print("\n95 % intervals: bootstrap over templates, {} resamples, seed {}\n", kResamples,
             kSeed);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  CLI::App app("quantized models against each other, item by item");
  app.add_option("models", a.models)->required()->check(CLI::ExistingFile);
  app.add_option("--probes", a.probes)->required()->check(CLI::ExistingFile);
  app.add_option("--base", a.base)->required()->check(CLI::ExistingFile);
  app.add_option("--reference", a.reference, "name of the method to compare with")->required();
  app.add_option("--gain", a.gain, "method whose gain over the reference others are measured by");
  CLI11_PARSE(app, argc, argv);
  try {
    run(a);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "fairness_pairs: {}\n", error.what());
    return 1;
  }
}
