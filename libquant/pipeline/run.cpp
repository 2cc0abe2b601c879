#include "libquant/pipeline/run.h"

#include <chrono>

#include "libquant/core/error.h"
#include "libquant/core/large_vector.h"
#include "libquant/core/version.h"
#include "libquant/model/model.h"
#include "libquant/pipeline/cost.h"
#include "libquant/pipeline/process_memory.h"
#include "libquant/pipeline/refinement.h"
#include "libquant/pipeline/write_outputs.h"

namespace libquant {
namespace {

/// Bounds what large arrays take, freed ones that are kept among them, while it lives.
class ArrayBound {
 public:
  explicit ArrayBound(double bytes) { bound_large(static_cast<std::size_t>(bytes)); }
  ~ArrayBound() { bound_large(kNoBound); }
  ArrayBound(const ArrayBound&) = delete;
  ArrayBound& operator=(const ArrayBound&) = delete;
};

constexpr const char* kEmbeddings = "model.embed_tokens.weight";

void finish(std::future<void>& commit) {
  if (commit.valid()) commit.get();
}

}  // namespace

QuantizeRun::QuantizeRun(const Checkpoint& source, const QuantizeOptions& options,
                         const Prepared& prepared, const Json& fingerprint,
                         const ProgressCallback& progress)
    : source_(source),
      options_(options),
      prepared_(prepared),
      fingerprint_(fingerprint),
      work_(options.output, fingerprint, options.overwrite),
      kept_states_(kept_states(source.config(), prepared.layers, prepared.calibration.tokens.size(),
                               prepared.calibration.window)),
      first_(count_finished()),
      progress_(progress, total_work()) {
  work_.remove_from(first_);
}

std::unique_ptr<BlockFile> QuantizeRun::open_block(std::size_t block) const {
  return std::make_unique<BlockFile>(work_.block(block), block, work_.fingerprint());
}

std::size_t QuantizeRun::count_finished() {
  std::size_t block = 0;
  for (; block < blocks() && std::filesystem::exists(work_.block(block)); ++block) {
    try {
      open_block(block);
    } catch (const FormatError& error) {
      notes_.push_back(fmt::format("{}; computed again from block {}", error.what(), block));
      break;
    }
  }
  return block;
}

double QuantizeRun::write_work() const {
  // Packing, writing, reading back and comparing one weight, in forward operations.
  constexpr double kPerWeight = 500;
  double weights = 0;
  for (const auto& layer : prepared_.layers.layers)
    weights += static_cast<double>(layer.rows) * static_cast<double>(layer.cols);
  return weights * kPerWeight * static_cast<double>(options_.formats.size());
}

double QuantizeRun::total_work() const {
  const auto& set = prepared_.calibration;
  double work = write_work() + fair_work() + refine_work();
  for (std::size_t block = first_; block < blocks(); ++block) {
    const auto flops =
        block_flops(source_.config(), prepared_.layers, block, set.tokens.size(), set.window);
    work += flops.forward + flops.hessian;
    for (const auto& layer : prepared_.layers.block(block))
      if (!layer.ignored) work += solve_work(layer, forward());
  }
  return work;
}

double QuantizeRun::fair_work() const {
  return prepared_.fair && first_ < blocks()
             ? fair_statistics_flops(source_.config(), *prepared_.fair)
             : 0;
}

double QuantizeRun::refine_work() const {
  return options_.refine.enabled() ? refine_flops(source_.config(), options_, prepared_) : 0;
}

std::filesystem::path QuantizeRun::fair_folder() const {
  const auto& kept = options_.fairness.statistics;
  return kept.empty() ? work_.path() / "fairness" : kept;
}

void QuantizeRun::prepare_fair_solver() {
  if (!prepared_.fair) return;
  const FairPreparation& fair = *prepared_.fair;
  fair_statistics_ = std::make_unique<FairStatistics>(fair_folder(), source_.config(), fair,
                                                      options_.fairness.statistics.empty());
  const ProgressCallback part = progress_.part(fair_work());
  const ArrayBound bound(fair_array_bytes(source_.config(), fair));
  if (!fair_statistics_->complete()) fair_seconds_ = fair_statistics_->compute(part);
  part({"fairness statistics", 1, 1});
  fair_solver_ = std::make_unique<FairSolver>(options_.fairness, fair, *fair_statistics_,
                                              prepared_.calibration.windows());
}

// Returns the first block that the states have not passed; 0 where they cannot be had.
std::size_t QuantizeRun::restore_state(Matrix& hidden) {
  std::size_t next = first_;
  while (next > 0 && !kept_states_[next - 1]) --next;
  if (next == 0) return 0;
  try {
    hidden = read_state_file(work_.state(next - 1), open_block(next - 1)->state(),
                             prepared_.calibration.tokens.size(), source_.config().hidden_size);
    return next;
  } catch (const Error& error) {
    notes_.push_back(fmt::format("{}; hidden states computed again", error.what()));
    return 0;
  }
}

BlockWeights QuantizeRun::finished_weights(std::size_t block) const {
  BlockWeights weights = load_block(source_, block);
  const auto file = open_block(block);
  for (const auto& layer : prepared_.layers.block(block))
    if (!layer.ignored) dequantize_rows(file->matrix(layer.name), 0, weights[layer.role].weight);
  return weights;
}

BlockQuantizer QuantizeRun::start_quantizer() {
  const auto& set = prepared_.calibration;
  const ModelConfig& config = source_.config();
  Matrix hidden;
  const bool wanted = forward() && first_ < blocks();
  const std::size_t next = wanted ? restore_state(hidden) : 0;
  if (wanted && next == 0) {
    hidden = embed_tokens(source_, set.tokens);
    source_.release(kEmbeddings);
  }
  BlockQuantizer quantizer(config, prepared_.layers, std::move(hidden), set.window, work_.path(),
                           progress_);
  if (wanted)
    for (std::size_t block = next; block < first_; ++block)
      quantizer.replay(block, finished_weights(block));
  return quantizer;
}

void QuantizeRun::compute_block(BlockQuantizer& quantizer, std::size_t block,
                                std::future<void>& commit) {
  FinishedBlock finished;
  finished.block = block;
  finished.fingerprint = work_.fingerprint();
  finished.layers = quantizer.quantize(block, load_block(source_, block));
  finished.seconds = quantizer.take_seconds();
  for (const auto& layer : prepared_.layers.block(block)) source_.release(layer.tensor());
  finish(commit);
  const Matrix* hidden = kept_states_[block] ? &quantizer.hidden() : nullptr;
  commit = std::async(std::launch::async, [this, hidden, finished = std::move(finished)]() mutable {
    // The state first: the block file's appearance is what commits both.
    if (hidden != nullptr) finished.state = write_state_file(work_.state(finished.block), *hidden);
    write_block_file(work_.block(finished.block), finished);
    if (hidden != nullptr) work_.remove_states_before(finished.block);
  });
}

void QuantizeRun::compute() {
  if (first_ == blocks()) return;
  prepare_fair_solver();
  BlockQuantizer quantizer = start_quantizer();
  quantizer.use(fair_solver_.get());
  const auto& set = prepared_.calibration;
  const ArrayBound bound(
      array_bytes(source_.config(), prepared_.layers, set.tokens.size(), set.window));
  return_free_memory();
  // The files of a finished block are written while the next one is computed, until that one
  // changes the hidden states. On the way out of an exception this waits for them, too.
  std::future<void> commit;
  quantizer.before_change([&] { finish(commit); });
  for (std::size_t block = first_; block < blocks(); ++block)
    compute_block(quantizer, block, commit);
  finish(commit);
}

void QuantizeRun::refine() {
  if (!options_.refine.enabled()) return;
  const auto model = blocks_checkpoint();
  const ArrayBound bound(refine_array_bytes(source_.config(), options_, prepared_));
  Refinement refinement(source_, options_, prepared_, work_.path(), work_.fingerprint());
  refine_report_ = refinement.run(*model, progress_.part(refine_work()));
}

WriteOptions QuantizeRun::write_options() const {
  WriteOptions write = options_.write;
  const auto add = [&](const char* key, std::string value) {
    write.metadata.emplace(key, std::move(value));
  };
  add("libquant.version", std::string(version()));
  add("libquant.method", std::string(to_string(options_.layer.method)));
  add("libquant.scheme", to_string(options_.layer.scheme));
  add("libquant.source_type", source_.type_name());
  add("libquant.source_hash", fingerprint_.at("source_hash").as_string("source_hash"));
  add("libquant.calibration_hash",
      fingerprint_.at("calibration_hash").as_string("calibration_hash"));
  add("libquant.isa", fingerprint_.at("isa").as_string("isa"));
  const FairnessOptions& fair = options_.fairness;
  if (prepared_.fair && fair.strength > 0)
    add("libquant.fairness",
        fmt::format("{} {} {} strength {} keep {}", to_string(fair.mode), to_string(fair.statistic),
                    to_string(fair.control), fair.strength, fair.keep));
  return write;
}

std::unique_ptr<QuantizedCheckpoint> QuantizeRun::blocks_checkpoint() const {
  std::vector<std::unique_ptr<BlockFile>> files;
  for (std::size_t block = 0; block < blocks(); ++block) files.push_back(open_block(block));
  return std::make_unique<QuantizedCheckpoint>(source_, std::move(files));
}

std::unique_ptr<QuantizedCheckpoint> QuantizeRun::checkpoint() const {
  auto model = blocks_checkpoint();
  if (refine_report_) put_refined(work_.path(), work_.fingerprint(), *model);
  return model;
}

void QuantizeRun::write(QuantizeReport& report) {
  const auto begin = std::chrono::steady_clock::now();
  QuantizeOptions options = options_;
  options.write = write_options();
  const auto model = checkpoint();
  report.refinement = refine_report_;
  progress_.stage("writing");
  report.files = stage_outputs(*model, options, work_, progress_.part(write_work()));
  describe_blocks(report);
  report.write_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void QuantizeRun::publish(const QuantizeReport& report) {
  publish_outputs(work_, options_, report, fingerprint_);
  work_.finish();
}

void QuantizeRun::describe_fairness(QuantizeReport& report) const {
  report.fairness = prepared_.fair->report;
  report.fairness->statistics_seconds = fair_seconds_;
  for (const auto& layer : report.layers)
    if (layer.fairness && layer.fairness->skipped) ++report.fairness->skipped_layers;
}

void QuantizeRun::describe_blocks(QuantizeReport& report) const {
  double bits = 0;
  for (std::size_t block = 0; block < blocks(); ++block) {
    const auto file = open_block(block);
    report.forward_seconds += file->seconds().forward;
    report.hessian_seconds += file->seconds().hessian;
    report.solve_seconds += file->seconds().solve;
    report.layers.insert(report.layers.end(), file->reports().begin(), file->reports().end());
  }
  for (const auto& layer : prepared_.layers.layers) {
    if (layer.ignored) continue;
    const Scheme& scheme = layer.options.scheme;
    const std::size_t values = layer.rows * layer.cols;
    report.quantized_weights += values;
    bits += stored_bits(scheme, layer.rows, layer.cols);
  }
  if (prepared_.fair) describe_fairness(report);
  report.bits_per_weight = bits / static_cast<double>(report.quantized_weights);
  for (const auto& layer : report.layers)
    if (!layer.report.fallback.empty()) ++report.method_fallbacks;
  const std::filesystem::path first = output_path(options_, options_.formats.front());
  for (const auto& file : report.files)
    if (options_.formats.size() == 1 || *file.begin() == *first.begin())
      report.quantized_bytes += std::filesystem::file_size(work_.staged() / file);
  for (const auto& name : source_.names()) report.source_bytes += source_.info(name).bytes;
  report.blocks = blocks();
  report.blocks_resumed = first_;
  report.notes.insert(report.notes.end(), notes_.begin(), notes_.end());
}

}  // namespace libquant
