#include "libquant/pipeline/fair_prepare.h"

#include <algorithm>

#include "kernels/cpu/dispatch.h"
#include "libquant/core/error.h"
#include "libquant/core/hash.h"
#include "libquant/core/version.h"
#include "libquant/fairness/controls.h"
#include "libquant/fairness/splits.h"
#include "libquant/fairness/spread.h"
#include "libquant/pipeline/cost.h"
#include "libquant/pipeline/fingerprint.h"
#include "libquant/pipeline/layer_plan.h"
#include "libquant/pipeline/quantize_model.h"
#include "libquant/scoring/load_probes.h"

namespace libquant {
namespace {

double d(std::size_t value) { return static_cast<double>(value); }

std::vector<ProbeItem> read_probes(const FairnessOptions& options, FairReport& report) {
  std::vector<ProbeItem> all;
  for (const auto& path : options.probes) {
    ProbeSet set = load_probes(path);
    report.sets.push_back({set.name, set.licence, set.content_hash, set.items.size(), set.skipped});
    all.insert(all.end(), std::make_move_iterator(set.items.begin()),
               std::make_move_iterator(set.items.end()));
  }
  return all;
}

// Only what the options can use, so that the sample has the size that was asked for.
std::vector<ProbeItem> of_forms(std::vector<ProbeItem> items, const FairnessOptions& options) {
  const bool pairs_only = options.statistic == ProbeStatistic::pair_differences;
  std::erase_if(items, [&](const ProbeItem& item) {
    if (item.form == ItemForm::sentences) return !options.sentences && !pairs_only;
    return pairs_only || (!options.answers && !options.letters);
  });
  return items;
}

// Into fair.items; those of the select split into fair.select and fair.refine_select.
void choose_items(const FairnessOptions& options, const RefineOptions& refine,
                  FairPreparation& fair) {
  FairReport& report = fair.report;
  const bool neutral = options.statistic == ProbeStatistic::neutral;
  if (neutral && options.search.trials == 0) return;
  const std::vector<ProbeItem> all = of_forms(read_probes(options, report), options);
  if (options.search.trials > 0) {
    fair.select = items_of(all, ProbeSplit::select);
    require(!fair.select.empty(),
            "fairness: of {} usable probe items none is in the selection split (20 % of the "
            "templates), which a search of settings needs",
            all.size());
    fair.select = spread_items(fair.select, options.search.items, options.seed);
  }
  if (neutral) return;
  const std::vector<ProbeItem> split = items_of(all, ProbeSplit::calibrate);
  require(!split.empty(),
          "fairness: of {} usable probe items none is in the calibration split (60 % of the "
          "templates)",
          all.size());
  std::vector<ProbeItem> sample = spread_items(split, options.items, options.seed);
  check_disjoint(template_hashes(sample), fair.select, "the statistics of the fairness term");
  std::vector<ProbeItem> used = sample;
  fair.items = controlled(std::move(sample), options.control, options.seed);
  if (refine.enabled()) {
    const std::vector<ProbeItem> apart = items_of(all, ProbeSplit::select);
    fair.refine_select = spread_items(apart, refine.select_items, options.seed);
    used.insert(used.end(), fair.refine_select.begin(), fair.refine_select.end());
  }
  report.templates = template_hashes(used);
}

std::string sample_hash(std::span<const ProbeItem> items) {
  Hasher hasher;
  for (const ProbeItem& item : items) hasher.update(item.id + "\n");
  return fmt::format("{}/{}", items.size(), hasher.hex());
}

Json identity_of(const Checkpoint& source, const FairnessOptions& o, const FairReport& report,
                 std::span<const ProbeItem> items, const CalibrationSet& calibration) {
  Json json = Json::object({{"libquant_version", version()},
                            {"isa", kernels::active().name},
                            {"source_hash", source.content_hash()},
                            {"statistic", to_string(o.statistic)},
                            {"control", to_string(o.control)},
                            {"positional", o.mode == FairnessMode::fair_gptq_2509_15206},
                            {"answers", o.answers},
                            {"letters", o.letters},
                            {"sentences", o.sentences},
                            {"items", sample_hash(items)},
                            {"seed", static_cast<std::int64_t>(o.seed)}});
  for (std::size_t i = 0; i < report.sets.size(); ++i)
    json.set(fmt::format("probes.{}", i), report.sets[i].content_hash);
  if (o.statistic == ProbeStatistic::neutral) json.set("calibration_hash", calibration.hash);
  return json;
}

// Values of all moments of a block, lower triangles only.
double moment_values(const ModelConfig& c, bool weighted) {
  const auto triangle = [](std::size_t n) { return d(n) * (d(n) + 1) / 2; };
  return triangle(c.hidden_size) * (weighted ? 5 : 2) + triangle(c.heads * c.head_dim) +
         triangle(c.intermediate_size);
}

double block_weights(const ModelConfig& c) {
  const double queries = d(c.heads) * d(c.head_dim), keys = d(c.kv_heads) * d(c.head_dim);
  return d(c.hidden_size) * (2 * queries + 2 * keys + 3 * d(c.intermediate_size));
}

bool is_weighted(const FairPreparation& fair) {
  return fair.report.statistic == to_string(ProbeStatistic::sensitivity) ||
         fair.report.statistic == to_string(ProbeStatistic::neutral);
}

}  // namespace

std::unique_ptr<FairPreparation> prepare_fairness(const Checkpoint& source,
                                                  const QuantizeOptions& options,
                                                  const CalibrationSet& calibration) {
  const FairnessOptions& o = options.fairness;
  if (!o.enabled()) return nullptr;
  check_fairness(o);
  require(options.layer.method == Method::gptq,
          "a fairness term needs method gptq, whose errors it weighs; found {}",
          to_string(options.layer.method));
  auto fair = std::make_unique<FairPreparation>();
  FairReport& report = fair->report;
  report.mode = to_string(o.mode);
  report.statistic = to_string(o.statistic);
  report.control = to_string(o.control);
  report.strength = o.strength;
  report.keep = o.mode == FairnessMode::fair_gptq_2509_15206 ? 0 : o.keep;
  choose_items(o, options.refine, *fair);
  const std::vector<ProbeItem>& items = fair->items;
  const Tokenizer tokenizer(source.tokenizer());
  fair->moments = std::make_unique<ProbeMoments>(source, tokenizer, items, calibration.tokens,
                                                 calibration.window, o);
  const ProbeMomentsSummary& summary = fair->moments->summary();
  report.items = summary.items;
  report.distributions = summary.distributions;
  report.rows = summary.rows;
  report.pairs = summary.pairs;
  fair->identity = identity_of(source, o, report, items, calibration);
  fair->hash = fingerprint_hash(fair->identity);
  return fair;
}

double fair_statistics_flops(const ModelConfig& config, const FairPreparation& fair) {
  const bool weighted = is_weighted(fair);
  // Forward; and for sensitivities forward again and two products per weight.
  const double passes = weighted ? 4 : 1;
  const double per_block = 2 * passes * block_weights(config) + 2 * moment_values(config, weighted);
  return d(fair.report.rows) * d(config.layers) * per_block;
}

double fair_disk_bytes(const ModelConfig& config, const FairPreparation& fair) {
  const double states = 4 * d(config.layers + 1) * d(fair.report.rows) * d(config.hidden_size);
  return states + 4 * d(config.layers) * moment_values(config, is_weighted(fair));
}

double fair_solver_bytes(const LayerPlan& plan) {
  double most = 0;
  for (const PlannedLayer& layer : plan.layers)
    if (!layer.ignored) most = std::max(most, 16 * d(layer.cols) * d(layer.cols));
  return most;
}

double fair_array_bytes(const ModelConfig& config, const FairPreparation& fair) {
  const double moments = 16 * moment_values(config, is_weighted(fair));  // whole squares of doubles
  const double gradient = 4 * d(fair.report.rows) * d(config.hidden_size);
  return std::max(4 * block_weights(config) + backward_chunk_bytes(config) + moments + gradient,
                  head_strip_bytes(config) + 3 * gradient);
}

double fair_peak_bytes(const ModelConfig& config, const FairPreparation& fair) {
  return process_bytes(config) + fair_array_bytes(config, fair);
}

}  // namespace libquant
