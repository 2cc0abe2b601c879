// fairness_pairs: quantized models against each other, item by item, from the scores that
// `libquant audit --output` leaves. Markdown on standard output.
//
//   fairness_pairs --probes FILE... --base base.jsonl --reference plain.jsonl MODEL.jsonl...
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <filesystem>
#include <functional>
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
// Items near a tie flip first: reference/fairness.md 5.3 weighs them so.
double margin_weight(const ItemComparison& c) { return 1 / (c.base_margin + 0.1); }

std::vector<Measure> choice_measures() {
  return {
      {"KL, 1e-3 nats", 1e3, [](const auto& c) { return c.kl_divergence; }, one, true},
      {"KL weighted by 1/(margin + .1)", 1e3,
       [](const auto& c) { return margin_weight(c) * c.kl_divergence; },
       [](const auto& c) { return margin_weight(c); }, true},
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

Terms terms_of(const Measure& measure, const Comparison& of, const Comparison* minus) {
  Terms terms;
  for (std::size_t i = 0; i < of.items.size(); ++i) {
    double top = measure.top(of.items[i]);
    if (minus != nullptr) top -= measure.top(minus->items[i]);
    const double bottom = measure.bottom(of.items[i]);
    if (!std::isfinite(top) || !std::isfinite(bottom)) continue;
    terms.top.push_back(measure.scale * top);
    terms.bottom.push_back(bottom);
    terms.cluster.push_back(of.items[i].cluster);
  }
  return terms;
}

std::string cell(const Terms& terms) {
  if (terms.top.empty()) return "-";
  const BootstrapResult r =
      cluster_bootstrap_ratio(terms.top, terms.bottom, terms.cluster, kResamples, kLevel, kSeed);
  return fmt::format("{:.2f} [{:.2f}, {:.2f}]", r.estimate, r.interval.low, r.interval.high);
}

// What is left of the reference's value, as a ratio of sums with its own interval.
std::string share_cell(const Measure& measure, const Comparison& of, const Comparison& reference) {
  Terms left = terms_of(measure, of, nullptr);
  const Terms whole = terms_of(measure, reference, nullptr);
  left.bottom = whole.top;
  for (double& value : left.top) value *= 100;
  return cell(left);
}

struct Arguments {
  std::vector<fs::path> probes, models;
  fs::path base, reference;
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

void print_table(const Arguments& a, std::span<const ProbeItem> items, const ScoreFile& base,
                 ScoringFormat format, const std::vector<Measure>& measures) {
  const auto compare = [&](const fs::path& path) {
    return compare_scores(items, base.scores, read_scores(path).scores, format, {});
  };
  const Comparison reference = compare(a.reference);
  if (reference.items.empty()) return;
  fmt::print("\n{}: {} items\n\n| model |", to_string(format), reference.items.size());
  for (const Measure& measure : measures) fmt::print(" {} |", measure.name);
  fmt::print("\n|---|");
  for (std::size_t i = 0; i < measures.size(); ++i) fmt::print("---|");
  const auto row = [&](const std::string& name, auto&& value) {
    fmt::print("\n| {} |", name);
    for (const Measure& measure : measures) fmt::print(" {} |", value(measure));
  };
  row(a.reference.stem().string() + " (reference)",
      [&](const Measure& m) { return cell(terms_of(m, reference, nullptr)); });
  for (const fs::path& path : a.models) {
    const Comparison model = compare(path);
    const std::string name = path.stem().string();
    row(name, [&](const Measure& m) { return cell(terms_of(m, model, nullptr)); });
    row(name + " - reference",
        [&](const Measure& m) { return cell(terms_of(m, model, &reference)); });
    row(name + " / reference, %",
        [&](const Measure& m) { return m.size ? share_cell(m, model, reference) : std::string(); });
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
  app.add_option("--reference", a.reference)->required()->check(CLI::ExistingFile);
  CLI11_PARSE(app, argc, argv);
  try {
    run(a);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "fairness_pairs: {}\n", error.what());
    return 1;
  }
}
