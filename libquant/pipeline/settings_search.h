#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "libquant/pipeline/coordinate_search.h"
#include "libquant/pipeline/prepare.h"
#include "libquant/pipeline/progress_meter.h"
#include "libquant/pipeline/trial_judge.h"
#include "libquant/pipeline/work_folder.h"

namespace libquant {

/// `options` with the settings of a trial in place of its own, and no search.
QuantizeOptions with_settings(const QuantizeOptions& options, const TrialSettings& settings,
                              std::size_t blocks);

/// The trials of one run. Below `options.output` a folder keeps what they have in common (the
/// statistics of the probes, the original's scores), each finished trial's figures, and the codes
/// of the best one; an interrupted trial goes on after its last finished block.
class SettingsSearch {
 public:
  /// All arguments must outlive it; `prepared` is changed while trials run.
  SettingsSearch(const Checkpoint& source, const QuantizeOptions& options, Prepared& prepared);

  /// The report of a run that ended with this search, if `options.output` holds one and it is to be
  /// gone on with. InvalidArgument where it holds another.
  std::optional<QuantizeReport> finished() const;
  /// What a run costs, in the units of its progress.
  double work() const;
  /// Makes and judges the trials that are not finished yet.
  SearchReport run(const ProgressCallback& progress);
  /// The options that won. Moves their codes to where quantize_model goes on with them.
  QuantizeOptions adopt(const SearchReport& report) const;
  /// Removes the folder.
  void remove();

 private:
  std::filesystem::path trial_folder(std::size_t index) const;
  std::filesystem::path trial_file(std::size_t index) const;
  void open_folder();
  std::optional<TrialReport> kept(std::size_t index, const TrialSettings& settings) const;
  TrialReport make_trial(std::size_t index, const TrialSettings& settings, ProgressMeter& meter);
  QuantizeOptions trial_options(const TrialSettings& settings) const;

  const Checkpoint& source_;
  const QuantizeOptions& options_;
  Prepared& prepared_;
  TrialJudge judge_;
  Json identity_;
  std::string fingerprint_;
  std::filesystem::path folder_;
  std::optional<FolderLock> lock_;
};

}  // namespace libquant
