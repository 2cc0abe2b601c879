#include "libquant/pipeline/refinement.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>
#include <numeric>

#include "libquant/core/error.h"
#include "libquant/core/hash.h"
#include "libquant/core/rng.h"
#include "libquant/pipeline/cost.h"
#include "libquant/pipeline/process_memory.h"
#include "libquant/pipeline/quantize_model.h"

namespace libquant {
namespace {

constexpr std::size_t kRoomRows = 2048;
constexpr std::size_t kKeptApart = 8;  // every eighth window

std::filesystem::path file_of(const std::filesystem::path& folder) {
  return folder / "refinement.safetensors";
}

double d(std::size_t value) { return static_cast<double>(value); }

// Windows that steps see, or those that are kept apart.
std::vector<std::int32_t> windows_of(const CalibrationSet& set, bool apart) {
  std::vector<std::int32_t> tokens;
  for (std::size_t w = 0; w < set.windows(); ++w) {
    if ((w % kKeptApart == kKeptApart - 1) != apart) continue;
    const auto begin = set.tokens.begin() + static_cast<std::ptrdiff_t>(w * set.window);
    tokens.insert(tokens.end(), begin, begin + static_cast<std::ptrdiff_t>(set.window));
  }
  return tokens;
}

std::span<const ProbeItem> items_of(const Prepared& prepared, bool apart) {
  if (!prepared.fair) return {};
  return apart ? prepared.fair->refine_select : prepared.fair->items;
}

double weights_of_block(const LayerPlan& plan) {
  double sum = 0;
  for (const auto& layer : plan.block(0)) sum += d(layer.rows) * d(layer.cols);
  return sum;
}

std::size_t rows_of_step(const QuantizeOptions& options, const Prepared& prepared) {
  const std::size_t items = prepared.fair ? prepared.fair->items.size() : 0;
  const std::size_t each = items == 0 ? 0 : (prepared.fair->report.rows + items - 1) / items;
  return options.refine.windows * prepared.calibration.window +
         std::min(options.refine.items, items) * each;
}

}  // namespace

std::size_t Deck::at(std::size_t index) {
  if (const std::size_t round = index / count_; round != round_) {
    round_ = round;
    order_.resize(count_);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    Rng rng(hash64(fmt::format("{}/{}", seed_, round)));
    for (std::size_t i = count_; i > 1; --i) std::swap(order_[i - 1], order_[rng.below(i)]);
  }
  return order_[index % count_];
}

Refinement::Refinement(const Checkpoint& source, const QuantizeOptions& options,
                       const Prepared& prepared, std::filesystem::path folder,
                       std::string fingerprint)
    : source_(source),
      options_(options),
      prepared_(prepared),
      folder_(std::move(folder)),
      fingerprint_(std::move(fingerprint)),
      items_(0, 0),
      windows_(0, 0) {
  const Tokenizer tokenizer(source.tokenizer());
  const auto set = [&](bool apart) {
    return std::make_unique<DistillationSet>(
        tokenizer, source.config(), items_of(prepared_, apart), options_.fairness,
        windows_of(prepared_.calibration, apart), prepared_.calibration.window);
  };
  train_ = set(false);
  select_ = set(true);
  items_ = Deck(train_->items(), options_.refine.seed);
  windows_ = Deck(train_->windows(), options_.refine.seed + 1);
}

// Of the most rows that a step can have.
std::size_t Refinement::step_rows() const {
  std::vector<std::size_t> rows;
  for (std::size_t item = 0; item < train_->items(); ++item)
    rows.push_back(train_->part_rows(item));
  std::ranges::sort(rows, std::greater<>());
  rows.resize(std::min(rows.size(), options_.refine.items));
  return std::accumulate(rows.begin(), rows.end(),
                         options_.refine.windows * prepared_.calibration.window);
}

void Refinement::ask_original(const ProgressCallback& progress) {
  const ModelConfig& config = source_.config();
  const std::size_t rows =
      std::max({kRoomRows, step_rows(), train_->largest_part(), select_->largest_part()});
  room_ = ScratchActivations(folder_, (config.layers + 1) * rows, config.hidden_size);
  train_->teach(source_, room_.view(config.hidden_size), progress);
  select_->teach(source_, room_.view(config.hidden_size), progress);
}

double Refinement::rate() const {
  const RefineOptions& o = options_.refine;
  const double at = d(report_.batches.size()), rise = std::max(1.0, std::floor(d(o.steps) / 10));
  return o.learning_rate * std::min(1.0, (at + 1) / rise) * 0.5 *
         (1 + std::cos(std::numbers::pi * at / d(o.steps)));
}

// Of the probes' divergence where the text's has 1: both count by what is left of them.
double Refinement::probe_weight() const {
  const RefineReport::Losses& first = report_.looks.front();
  const bool both = first.text > 0 && first.probes > 0;
  return options_.refine.probe_weight * (both ? first.text / first.probes : 1);
}

void Refinement::step(QuantizedCheckpoint& model, const ProgressCallback& progress) {
  const RefineOptions& o = options_.refine;
  const std::size_t at = report_.batches.size();
  std::vector<std::size_t> parts;
  const std::size_t items = std::min(o.items, train_->items());
  const std::size_t windows = std::min(o.windows, train_->windows());
  for (std::size_t i = 0; i < items; ++i) parts.push_back(items_.at(at * items + i));
  for (std::size_t i = 0; i < windows; ++i)
    parts.push_back(train_->items() + windows_.at(at * windows + i));
  // The parameters of a block change when its gradients are known: nothing needs them again.
  const DistillationLoss loss = distill(
      model, train_->batch(parts), probe_weight(), room_.view(source_.config().hidden_size),
      [&](std::size_t block, const WeightGradients& of_weights) {
        scales_->step(model, block, of_weights, at + 1, rate());
      },
      progress);
  report_.batches.push_back({at, loss.text, loss.probes});
}

void Refinement::look(QuantizedCheckpoint& model, const ProgressCallback& progress) {
  const DistillationLoss loss =
      distill_all(model, *select_, room_.view(source_.config().hidden_size), progress);
  const RefineReport::Losses found{report_.batches.size(), loss.text, loss.probes};
  const double weight = report_.looks.empty() ? 0 : probe_weight();
  const auto total = [&](const RefineReport::Losses& l) { return l.text + weight * l.probes; };
  const bool best = std::ranges::all_of(
      report_.looks, [&](const auto& earlier) { return total(found) < total(earlier); });
  report_.looks.push_back(found);
  if (!best) return;
  report_.best_step = found.step;
  scales_->keep_as_best();
}

bool Refinement::out_of_patience() const {
  std::size_t since = 0;
  for (const auto& look : report_.looks) since += look.step > report_.best_step ? 1 : 0;
  return since >= options_.refine.patience;
}

RefineReport Refinement::run(QuantizedCheckpoint& model, const ProgressCallback& progress) {
  const auto begin = std::chrono::steady_clock::now();
  const RefineOptions& o = options_.refine;
  scales_ = std::make_unique<RefinedScales>(model);
  bool done = false;
  if (scales_->load(file_of(folder_), fingerprint_, report_, done)) {
    if (done) return scales_->put_best_into(model), report_;
    scales_->put_into(model);
  }
  report_.parameters = scales_->parameters();
  report_.items = train_->items();
  report_.windows = train_->windows();
  report_.select_items = select_->items();
  report_.select_windows = select_->windows();
  const double earlier = report_.seconds;
  const auto save = [&](bool finished) {
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    report_.seconds = earlier + taken.count();
    scales_->save(file_of(folder_), fingerprint_, report_, finished);
  };
  // One more unit for asking the original, which costs about as much as a few steps.
  const auto part = [&](double at) {
    return [&progress, &o, at](const Progress&) {
      return !progress || progress({"refining scales", at, d(o.steps) + 1});
    };
  };
  ask_original(part(0));
  for (;; return_free_memory()) {
    const std::size_t steps = report_.batches.size();
    const bool due = steps % o.interval == 0 || steps == o.steps;
    if (due && (report_.looks.empty() || report_.looks.back().step != steps)) {
      look(model, part(d(steps) + 1));
      save(false);
    }
    report_.stopped_early = steps < o.steps && out_of_patience();
    if (steps == o.steps || report_.stopped_early) break;
    step(model, part(d(steps) + 1));
  }
  scales_->put_best_into(model);
  save(true);
  return report_;
}

void put_refined(const std::filesystem::path& folder, std::string_view fingerprint,
                 QuantizedCheckpoint& model) {
  RefinedScales scales(model);
  RefineReport report;
  bool done = false;
  require<Error>(scales.load(file_of(folder), fingerprint, report, done) && done,
                 "{} holds no finished refinement of this run", file_of(folder).string());
  scales.put_best_into(model);
}

double refine_flops(const ModelConfig& config, const QuantizeOptions& options,
                    const Prepared& prepared) {
  // Forward, forward again, and two products for each; the output layer five times in the forward
  // pass of text. Looks and the original's answers add about a tenth.
  const double weights = weights_of_block(prepared.layers) * d(config.layers);
  const double head = d(config.vocabulary_size) * d(config.hidden_size);
  const double text = d(options.refine.windows * prepared.calibration.window);
  return 1.1 * d(options.refine.steps) *
         (8 * weights * d(rows_of_step(options, prepared)) + 10 * head * text);
}

double refine_array_bytes(const ModelConfig& config, const QuantizeOptions& options,
                          const Prepared& prepared) {
  const double states =
      4 * d(config.hidden_size) *
      (d(prepared.calibration.tokens.size()) + 4 * d(rows_of_step(options, prepared)));
  double scales = 0;
  for (const auto& layer : prepared.layers.layers)
    if (!layer.ignored)
      scales += d(layer.rows) * (12 + 8 * d(layer.options.scheme.groups(layer.cols)) *
                                          (layer.options.scheme.zero == ZeroKind::minimum ? 2 : 1));
  const double block = 2 * 4 * weights_of_block(prepared.layers) + backward_chunk_bytes(config);
  return scales + states + std::max(block, head_strip_bytes(config));
}

double refine_peak_bytes(const ModelConfig& config, const QuantizeOptions& options,
                         const Prepared& prepared) {
  return process_bytes(config) + refine_array_bytes(config, options, prepared);
}

double refine_disk_bytes(const ModelConfig& config, const QuantizeOptions& options,
                         const Prepared& prepared) {
  const double rows = std::max(d(kRoomRows), d(rows_of_step(options, prepared)));
  return 4 * d(config.layers + 1) * rows * d(config.hidden_size);
}

}  // namespace libquant
