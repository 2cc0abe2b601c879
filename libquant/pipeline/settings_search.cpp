#include "libquant/pipeline/settings_search.h"

#include <chrono>

#include "libquant/core/error.h"
#include "libquant/fairness/splits.h"
#include "libquant/io/atomic_file.h"
#include "libquant/pipeline/fair_options.h"
#include "libquant/pipeline/fingerprint.h"
#include "libquant/pipeline/process_memory.h"
#include "libquant/pipeline/run.h"

namespace libquant {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIdentityFile = "search.json";

std::string scope_pattern(TermScope scope, std::size_t blocks) {
  if (scope == TermScope::attention) return "self_attn";
  if (scope == TermScope::mlp) return "mlp";
  const bool first = scope == TermScope::first_half;
  const std::size_t half = (blocks + 1) / 2;
  std::string names;
  for (std::size_t block = first ? 0 : half; block < (first ? half : blocks); ++block)
    names += fmt::format("{}{}", names.empty() ? "" : "|", block);
  return fmt::format("layers\\.({})\\.", names);
}

TrialSettings settings_of(const QuantizeOptions& options) {
  return {options.fairness.strength, TermScope::all, options.layer.clip.norm,
          options.layer.clip.weighted};
}

// Without a clip search its settings change nothing.
SearchOptions space_of(const QuantizeOptions& options) {
  SearchOptions space = options.fairness.search;
  if (options.layer.clip.steps == 0) space.clip_norms.clear();
  return space;
}

Json identity_of(const Checkpoint& source, const QuantizeOptions& options, const Prepared& prepared,
                 const TrialJudge& judge) {
  Json json =
      make_fingerprint(source, options, prepared.layers, prepared.calibration, prepared.fair.get());
  json.set("search_judged_on", judge.identity());
  const Json search = to_json(options.fairness.search);
  for (const auto& [key, value] : search.as_object("search"))
    json.set("search." + key, value.dump());
  return json;
}

}  // namespace

QuantizeOptions with_settings(const QuantizeOptions& options, const TrialSettings& settings,
                              std::size_t blocks) {
  QuantizeOptions made = options;
  made.fairness.search.trials = 0;
  made.fairness.strength = settings.strength;
  if (settings.scope != TermScope::all)
    made.fairness.layers = scope_pattern(settings.scope, blocks);
  made.layer.clip.norm = settings.clip_norm;
  made.layer.clip.weighted = settings.clip_weighted;
  return made;
}

SettingsSearch::SettingsSearch(const Checkpoint& source, const QuantizeOptions& options,
                               Prepared& prepared)
    : source_(source),
      options_(options),
      prepared_(prepared),
      judge_(source, options, prepared),
      identity_(identity_of(source, options, prepared, judge_)),
      fingerprint_(fingerprint_hash(identity_)),
      folder_(search_folder(options.output)) {}

fs::path SettingsSearch::trial_folder(std::size_t index) const {
  return folder_ / fmt::format("trial-{:04}", index);
}

fs::path SettingsSearch::trial_file(std::size_t index) const {
  return folder_ / fmt::format("trial-{:04}.json", index);
}

std::optional<QuantizeReport> SettingsSearch::finished() const {
  const fs::path file = options_.output / kReportFile;
  if (!options_.resume || !fs::exists(file) || fs::exists(work_folder(options_.output)))
    return std::nullopt;
  QuantizeReport report = report_from_json(Json::parse_file(file));
  if (report.search && report.search->fingerprint == fingerprint_) return report;
  require(fs::exists(folder_),
          "{} holds a finished run with other settings, or without a search; name another folder, "
          "or replace it (--overwrite)",
          options_.output.string());
  return std::nullopt;
}

void SettingsSearch::open_folder() {
  const fs::path kept = folder_ / kIdentityFile;
  require(!options_.resume || fs::exists(kept) || !fs::exists(work_folder(options_.output)),
          "{} holds an unfinished run without a search; go on with it as it was begun, or start "
          "again (--overwrite)",
          options_.output.string());
  if (options_.overwrite) WorkFolder(options_.output, identity_, true).finish();
  std::error_code error;
  fs::create_directories(folder_, error);
  require<Error>(!error, "cannot create {}: {}", folder_.string(), error.message());
  lock_.emplace(folder_);
  if (options_.overwrite)
    for (const auto& entry : fs::directory_iterator(folder_))
      if (entry.path().filename() != "lock") fs::remove_all(entry.path());
  if (fs::exists(kept)) {
    const std::string difference = fingerprint_difference(Json::parse_file(kept), identity_);
    require(difference.empty(),
            "cannot go on with the search in {}: {}; use the same options, or start again "
            "(--overwrite)",
            options_.output.string(), difference);
  } else {
    write_file_atomic(kept, identity_.dump(2) + "\n");
  }
}

double SettingsSearch::work() const {
  const auto trials = static_cast<double>(options_.fairness.search.trials);
  return trials * prepared_.plan.trial_flops + judge_.flops();
}

QuantizeOptions SettingsSearch::trial_options(const TrialSettings& settings) const {
  QuantizeOptions made = with_settings(options_, settings, source_.config().layers);
  made.resume = true;
  made.overwrite = false;
  made.on_plan = nullptr;
  if (made.fairness.statistics.empty()) made.fairness.statistics = folder_ / "statistics";
  return made;
}

std::optional<TrialReport> SettingsSearch::kept(std::size_t index,
                                                const TrialSettings& settings) const {
  if (!fs::exists(trial_file(index))) return std::nullopt;
  TrialReport report = trial_report_from_json(Json::parse_file(trial_file(index)));
  require<FormatError>(report.settings == settings,
                       "{} holds other settings than this search tries there",
                       trial_file(index).string());
  return report;
}

TrialReport SettingsSearch::make_trial(std::size_t index, const TrialSettings& settings,
                                       ProgressMeter& meter) {
  const auto begin = std::chrono::steady_clock::now();
  const std::string name =
      fmt::format("trial {} of {}", index + 1, options_.fairness.search.trials);
  QuantizeOptions trial = trial_options(settings);
  trial.output = trial_folder(index);
  prepared_.layers = plan_layers(source_, trial);
  prepared_.fair->report.strength = settings.strength;
  const Json fingerprint = make_fingerprint(source_, trial, prepared_.layers, prepared_.calibration,
                                            prepared_.fair.get());
  QuantizeRun run(source_, trial, prepared_, fingerprint,
                  meter.part(prepared_.plan.floor_flops, name + ": quantizing"));
  run.compute();
  meter.stage(name);
  const auto part = meter.part(judge_.flops(), name + ": scoring");
  TrialReport report{settings, judge_.judge(*run.checkpoint(), part), 0, 0};
  const SearchOptions& search = options_.fairness.search;
  report.total =
      report.loss.total({search.kl_weight, search.shift_weight, search.abstention_weight});
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  write_file_atomic(trial_file(index), to_json(report).dump(2) + "\n");
  return_free_memory();
  return report;
}

SearchReport SettingsSearch::run(const ProgressCallback& progress) {
  open_folder();
  const SearchOptions& search = options_.fairness.search;
  ProgressMeter meter(progress, work());
  judge_.measure_original(folder_, fingerprint_,
                          meter.part(judge_.flops(), "scoring the original"));
  CoordinateSearch course(settings_of(options_), space_of(options_),
                          !options_.fairness.layers.empty());
  SearchReport report;
  while (const auto settings = course.next()) {
    const std::size_t index = course.tried();
    const double done = judge_.flops() + static_cast<double>(index) * prepared_.plan.trial_flops;
    meter.advance_to(done);
    auto trial = kept(index, *settings);
    if (!trial) trial = make_trial(index, *settings, meter);
    course.record(*settings, trial->total);
    report.trials.push_back(*trial);
    for (std::size_t other = 0; other <= index; ++other)
      if (other != course.best()) fs::remove_all(trial_folder(other));
  }
  report.fingerprint = fingerprint_;
  report.budget = search.trials;
  report.items = prepared_.fair->select.size();
  report.text_tokens = prepared_.held_out.size();
  report.weights = {search.kl_weight, search.shift_weight, search.abstention_weight};
  report.original_loss = judge_.original_loss();
  report.chosen = course.best();
  report.templates = template_hashes(prepared_.fair->select);
  return report;
}

QuantizeOptions SettingsSearch::adopt(const SearchReport& report) const {
  const fs::path target = work_folder(options_.output);
  const fs::path codes = work_folder(trial_folder(report.chosen));
  // Missing where an earlier call moved it, or somebody removed it: then it is computed again.
  if (!fs::exists(target) && fs::exists(codes)) fs::rename(codes, target);
  return trial_options(report.trials[report.chosen].settings);
}

void SettingsSearch::remove() {
  lock_.reset();
  fs::remove_all(folder_);
}

}  // namespace libquant
