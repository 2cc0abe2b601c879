#include "libquant/pipeline/bit_plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>

#include "libquant/algorithms/layer_error.h"
#include "libquant/core/error.h"
#include "libquant/pipeline/cost.h"
#include "libquant/pipeline/fair_statistics.h"
#include "libquant/pipeline/layer_plan.h"
#include "libquant/pipeline/process_memory.h"
#include "libquant/pipeline/progress_meter.h"
#include "libquant/pipeline/work_folder.h"

namespace libquant {
namespace {

namespace fs = std::filesystem;

constexpr std::array kWidths{2, 3, 4, 5, 6, 8};

/// The plan of every width that the formats hold.
using WidthPlans = std::vector<LayerPlan>;

WidthPlans plan_widths(const Checkpoint& source, const QuantizeOptions& options) {
  WidthPlans plans;
  std::string reason;
  for (const int bits : kWidths) {
    QuantizeOptions uniform = options;
    uniform.layer.scheme.bits = bits;
    try {
      plans.push_back(plan_layers(source, uniform));
    } catch (const NotSupported& error) {
      reason = error.what();
    }
  }
  require<NotSupported>(!plans.empty(), "no width can be planned: {}", reason);
  return plans;
}

// Layers that get one width, and where in the list of layers they stand.
std::vector<std::vector<std::size_t>> tied(const LayerPlan& plan) {
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    const PlannedLayer& layer = plan.layers[i];
    if (layer.ignored) continue;
    const bool follows =
        layer.role == LinearRole::k || layer.role == LinearRole::v || layer.role == LinearRole::up;
    const bool joins = follows && !groups.empty() &&
                       plan.layers[groups.back().front()].block == layer.block &&
                       (layer.role == LinearRole::up) ==
                           (plan.layers[groups.back().front()].role == LinearRole::gate);
    if (!joins) groups.emplace_back();
    groups.back().push_back(i);
  }
  return groups;
}

/// One kind of probes or text: its S on disk, and what S is divided by.
struct Sensitivity {
  std::unique_ptr<FairPreparation> fair;
  std::unique_ptr<FairStatistics> statistics;
  double scale = 1;
};

void remove_quietly(const fs::path& folder) noexcept {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

struct Scratch {
  fs::path folder;
  ~Scratch() { remove_quietly(folder); }
};

Sensitivity prepare_sensitivity(const Checkpoint& source, QuantizeOptions options,
                                const CalibrationSet& calibration, const fs::path& folder) {
  Sensitivity made;
  options.layer.method = Method::gptq;  // whatever rounds in the end
  options.fairness.search.trials = 0;
  made.fair = prepare_fairness(source, options, calibration);
  const fs::path& kept = options.fairness.statistics;
  made.statistics = std::make_unique<FairStatistics>(kept.empty() ? folder : kept, source.config(),
                                                     *made.fair, kept.empty());
  return made;
}

std::vector<Sensitivity> prepare_sensitivities(const Checkpoint& source,
                                               const QuantizeOptions& options,
                                               const CalibrationSet& calibration,
                                               const fs::path& folder) {
  std::vector<Sensitivity> made;
  QuantizeOptions text = options;
  text.fairness = {};
  text.fairness.statistic = ProbeStatistic::neutral;
  made.push_back(prepare_sensitivity(source, text, calibration, folder / "text"));
  made.back().scale = 1 / static_cast<double>(calibration.windows() * (calibration.window - 1));
  const FairnessOptions& probes = options.fairness;
  if (probes.probes.empty() || probes.strength == 0) return made;
  require(probes.statistic == ProbeStatistic::sensitivity,
          "bits are planned by sensitivities, the fairness statistic is {}",
          to_string(probes.statistic));
  made.push_back(prepare_sensitivity(source, options, calibration, folder / "probes"));
  made.back().scale = probes.strength / static_cast<double>(std::max<std::size_t>(
                                            made.back().fair->report.distributions, 1));
  return made;
}

std::vector<double> combined(const std::vector<Sensitivity>& parts, const PlannedLayer& layer) {
  std::vector<double> sum(layer.cols * layer.cols);
  for (const Sensitivity& part : parts) {
    const std::vector<double> lower = part.statistics->load(layer.block, layer.role);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += part.scale * lower[i];
  }
  return sum;
}

double predicted_loss(ConstMatrixView weights, Metric& metric, const PlannedLayer& layer,
                      std::size_t& fallbacks) {
  const LayerResult rounded = quantize_layer(weights, metric, layer.options, layer.tensor());
  if (!rounded.report.fallback.empty()) ++fallbacks;
  return layer_error(weights, rounded.matrix, &metric) / (2 * static_cast<double>(layer.rows));
}

void check_request(const QuantizeOptions& options, double bits_per_weight) {
  require(std::isfinite(bits_per_weight) && bits_per_weight > 0,
          "a budget of {} bits per weight is none", bits_per_weight);
  for (const LayerOverride& entry : options.overrides)
    require(!entry.bits,
            "a budget decides the bits of every layer, but the pattern \"{}\" does too",
            entry.pattern);
  require(!options.calibration.texts.empty(), "planning bits needs calibration text");
}

BitGroup empty_group(const WidthPlans& plans, const std::vector<std::size_t>& members,
                     Format format) {
  BitGroup group;
  for (const std::size_t i : members) group.layers.push_back(plans.front().layers[i].name);
  for (const LayerPlan& plan : plans) {
    BitChoice choice;
    for (const std::size_t i : members) {
      const PlannedLayer& layer = plan.layers[i];
      choice.bits = layer.options.scheme.bits;
      choice.bytes += packed_bytes(format, layer.options.scheme, layer.rows, layer.cols);
    }
    group.choices.push_back(choice);
  }
  return group;
}

// Groups with sizes, without losses.
BitPlan sized_plan(const WidthPlans& plans, Format format, double bits_per_weight) {
  BitPlan plan;
  plan.budget = bits_per_weight;
  plan.format = to_string(format);
  for (const auto& members : tied(plans.front())) {
    plan.groups.push_back(empty_group(plans, members, format));
    for (const std::size_t i : members)
      plan.weights += plans.front().layers[i].rows * plans.front().layers[i].cols;
  }
  return plan;
}

void compute_statistics(std::vector<Sensitivity>& parts, const ModelConfig& config,
                        ProgressMeter& meter) {
  for (Sensitivity& part : parts) {
    const auto callback = meter.part(fair_statistics_flops(config, *part.fair), "sensitivities");
    if (!part.statistics->complete()) part.statistics->compute(callback);
    callback({"", 1, 1});
    return_free_memory();
  }
}

void predict_losses(const Checkpoint& source, const WidthPlans& plans,
                    const std::vector<Sensitivity>& parts, double work, ProgressMeter& meter,
                    BitPlan& plan) {
  const std::size_t blocks = source.config().layers;
  const auto groups = tied(plans.front());
  const auto& layers = plans.front().layers;
  meter.stage("predicted losses");
  std::size_t g = 0;
  for (std::size_t block = 0; block < blocks; ++block) {
    const BlockWeights weights = load_block(source, block);
    for (; g < groups.size() && layers[groups[g].front()].block == block; ++g)
      for (const std::size_t i : groups[g]) {
        const std::vector<double> lower = combined(parts, layers[i]);
        Metric metric(lower, layers[i].cols, 0);
        for (std::size_t w = 0; w < plans.size(); ++w)
          plan.groups[g].choices[w].loss += predicted_loss(weights[layers[i].role].weight, metric,
                                                           plans[w].layers[i], plan.fallbacks);
      }
    for (const auto& layer : plans.front().block(block)) source.release(layer.tensor());
    meter.add(work / static_cast<double>(blocks));
  }
}

}  // namespace

std::optional<int> BitPlan::bits_of(std::string_view layer) const {
  for (const BitGroup& group : groups)
    if (std::ranges::find(group.layers, layer) != group.layers.end())
      return group.choices[group.chosen].bits;
  return std::nullopt;
}

std::uint64_t BitPlan::bytes() const {
  std::uint64_t sum = 0;
  for (const BitGroup& group : groups) sum += group.choices[group.chosen].bytes;
  return sum;
}

double BitPlan::predicted_loss() const {
  double sum = 0;
  for (const BitGroup& group : groups) sum += group.choices[group.chosen].loss;
  return sum;
}

BitPlan plan_bits(const Checkpoint& source, const QuantizeOptions& options, double bits_per_weight,
                  const ProgressCallback& progress) {
  check_request(options, bits_per_weight);
  check_output(options.output, options.resume, options.overwrite);
  QuantizeOptions grid = options;
  grid.bit_plan.reset();
  const WidthPlans plans = plan_widths(source, grid);
  BitPlan plan = sized_plan(plans, options.formats.front(), bits_per_weight);
  const double bytes = bits_per_weight * static_cast<double>(plan.weights) / 8;
  const auto budget = static_cast<std::uint64_t>(std::min(bytes, 0x1p62));
  allocate_bits(plan.groups, budget);  // fails now where the budget is too small

  const Scratch scratch{options.output / kBitsFolder};
  const CalibrationSet calibration =
      draw_calibration(Tokenizer(source.tokenizer()), options.calibration);
  auto parts = prepare_sensitivities(source, grid, calibration, scratch.folder);
  // Six widths with a clip search cost about as much as the text's statistics.
  const double rounding = fair_statistics_flops(source.config(), *parts.front().fair);
  double total = rounding;
  for (const Sensitivity& part : parts) total += fair_statistics_flops(source.config(), *part.fair);
  ProgressMeter meter(progress, total);
  compute_statistics(parts, source.config(), meter);
  predict_losses(source, plans, parts, rounding, meter, plan);
  allocate_bits(plan.groups, budget);
  return plan;
}

}  // namespace libquant
