#include "libquant/pipeline/prepare.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "libquant/core/error.h"
#include "libquant/pipeline/cost.h"
#include "libquant/pipeline/refinement.h"
#include "libquant/pipeline/trial_judge.h"
#include "libquant/pipeline/work_folder.h"

namespace libquant {
namespace {

namespace fs = std::filesystem;

void check_numbers(const QuantizeOptions& options) {
  const auto& layer = options.layer;
  require(layer.damping >= 0 && std::isfinite(layer.damping), "damping is {}, expected >= 0",
          layer.damping);
  require(layer.clip.steps >= 0, "clip steps are {}, expected >= 0", layer.clip.steps);
  require(layer.clip.norm > 0, "clip norm is {}, expected > 0", layer.clip.norm);
  require(!needs_forward(options) || !options.calibration.texts.empty(),
          "{} needs calibration text (--calibration FILE)",
          layer.method == Method::gptq ? "method gptq"
          : layer.clip.weighted        ? "a weighted clip search"
          : layer.scale_refit          ? "a scale refit"
                                       : "a refinement");
  check_refine(options.refine);
  std::set<Format> seen;
  for (const Format format : options.formats)
    require(seen.insert(format).second, "output format {} is named twice", to_string(format));
}

void check_outputs(const Checkpoint& source, const QuantizeOptions& options) {
  for (const Format format : options.formats) {
    WriteOptions write = options.write;
    write.format = format;
    check_writable(source, write);
  }
}

CalibrationSet calibrate(const Checkpoint& source, const QuantizeOptions& options) {
  if (!needs_forward(options)) return {};
  const std::size_t longest = source.config().max_positions;
  require(options.calibration.window <= longest,
          "calibration windows of {} tokens are longer than the model's {} positions",
          options.calibration.window, longest);
  const Tokenizer tokenizer(source.tokenizer());
  return draw_calibration(tokenizer, options.calibration);
}

fs::path existing_ancestor(fs::path path) {
  path = fs::absolute(path);
  while (!fs::exists(path) && path.has_parent_path() && path != path.parent_path())
    path = path.parent_path();
  return path;
}

void check_disk(const QuantizeOptions& options, double needed) {
  if (output_state(options.output) == OutputState::unfinished) return;
  std::error_code error;
  const auto space = fs::space(existing_ancestor(options.output), error);
  if (error) return;
  require<Error>(needed <= static_cast<double>(space.available),
                 "{} has {:.1f} MB of free disk, this run needs about {:.1f} MB",
                 options.output.string(), static_cast<double>(space.available) / 1e6, needed / 1e6);
}

void check_finite(const Checkpoint& source, const std::string& name) {
  constexpr std::size_t kChunkValues = std::size_t{1} << 20;
  const auto info = source.info(name);
  const std::size_t step = std::clamp<std::size_t>(
      kChunkValues / std::max<std::size_t>(info.cols, 1), 1, std::max<std::size_t>(info.rows, 1));
  Matrix rows = Matrix::uninitialized(step, info.cols);
  for (std::size_t begin = 0; begin < info.rows; begin += step) {
    const auto part = rows.view().row_range(0, std::min(step, info.rows - begin));
    source.load_rows(name, begin, part);
    if (const auto odd = first_not_finite(part))
      fail<InvalidArgument>("{} holds {} in row {}, column {}", name, part.row(odd->row)[odd->col],
                            begin + odd->row, odd->col);
  }
  source.release(name);
}

void add_fairness(const Checkpoint& source, const Prepared& prepared, QuantizePlan& plan) {
  const ModelConfig& config = source.config();
  const FairPreparation& fair = *prepared.fair;
  plan.probe_items = fair.report.items;
  plan.probe_tokens = fair.report.rows;
  plan.expected_peak_bytes = std::max(plan.expected_peak_bytes + fair_solver_bytes(prepared.layers),
                                      fair_peak_bytes(config, fair));
  plan.expected_disk_bytes += fair_disk_bytes(config, fair);
}

void add_search(const Checkpoint& source, const QuantizeOptions& options, const Prepared& prepared,
                QuantizePlan& plan) {
  plan.trials = options.fairness.search.trials;
  plan.trial_items = prepared.fair->select.size();
  plan.trial_flops = plan.floor_flops + TrialJudge(source, options, prepared).flops();
  double weights = 0;
  for (const auto& layer : prepared.layers.layers)
    if (!layer.ignored)
      weights += static_cast<double>(layer.rows) * static_cast<double>(layer.cols);
  // The codes of the best trial beside those of the present one.
  plan.expected_disk_bytes += weights;
  // A model in memory: codes (two bytes while they are packed), embeddings in fp32, two chunks of
  // logits.
  constexpr double kLogits = 2 * 64e6;
  const ModelConfig& config = source.config();
  const double embeddings =
      4 * static_cast<double>(config.vocabulary_size) * static_cast<double>(config.hidden_size);
  plan.expected_peak_bytes =
      std::max(plan.expected_peak_bytes,
               2 * weights + embeddings * (config.tied_embeddings ? 1 : 2) + kLogits);
}

void add_refinement(const ModelConfig& config, const QuantizeOptions& options,
                    const Prepared& prepared, QuantizePlan& plan) {
  const CalibrationSet& set = prepared.calibration;
  require(set.windows() > 8, "refinement: {} windows of calibration text, expected more than 8",
          set.windows());
  require(!prepared.fair || prepared.fair->items.empty() || !prepared.fair->refine_select.empty(),
          "refinement: none of the probe items is in the select split (20 % of the templates)");
  plan.expected_peak_bytes =
      std::max(plan.expected_peak_bytes, refine_peak_bytes(config, options, prepared));
  plan.expected_disk_bytes += refine_disk_bytes(config, options, prepared);
}

}  // namespace

Prepared prepare(const Checkpoint& source, const QuantizeOptions& options) {
  check_numbers(options);
  check_output(options.output, options.resume, options.overwrite);
  Prepared prepared{plan_layers(source, options), {}, {}, {}, {}};
  check_outputs(source, options);
  prepared.calibration = calibrate(source, options);
  prepared.fair = prepare_fairness(source, options, prepared.calibration);
  if (prepared.fair && options.fairness.search.trials > 0)
    prepared.held_out = draw_held_out(Tokenizer(source.tokenizer()), options.calibration,
                                      options.fairness.search.text_windows, kTrialWindow);

  const std::size_t tokens = prepared.calibration.tokens.size();
  const std::size_t window = prepared.calibration.window;
  QuantizePlan& plan = prepared.plan;
  plan.layers = prepared.layers.quantized();
  for (const auto& layer : prepared.layers.layers) {
    if (layer.ignored) continue;
    plan.scheme = layer.options.scheme;
    break;
  }
  plan.ignored = prepared.layers.ignored();
  plan.group_fallbacks = prepared.layers.group_fallbacks();
  plan.calibration_tokens = tokens;
  plan.calibration_tokens_available = prepared.calibration.available;
  plan.expected_peak_bytes = expected_peak_bytes(source.config(), prepared.layers, tokens, window);
  plan.expected_disk_bytes = expected_disk_bytes(source, prepared.layers, options, tokens);
  plan.floor_flops = floor_flops(source.config(), prepared.layers, tokens, window);
  if (prepared.fair) add_fairness(source, prepared, plan);
  if (!prepared.held_out.empty()) add_search(source, options, prepared, plan);
  if (options.refine.enabled()) add_refinement(source.config(), options, prepared, plan);
  check_disk(options, plan.expected_disk_bytes);
  return prepared;
}

void check_finite_weights(const Checkpoint& source) {
  for (const auto& name : source.names()) check_finite(source, name);
}

}  // namespace libquant
