#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "libquant/io/json.h"
#include "libquant/pipeline/quantize_report.h"

namespace libquant {

/// What an output folder holds before a run.
enum class OutputState { empty, unfinished, finished, foreign };
OutputState output_state(const std::filesystem::path& output);

/// `output`/.libquant-work, and `output`/.libquant-search, where a search of settings keeps its
/// trials; an output folder with either holds an unfinished run.
std::filesystem::path work_folder(const std::filesystem::path& output);
std::filesystem::path search_folder(const std::filesystem::path& output);

/// Where bits are planned; of no use to a later run.
inline constexpr const char* kBitsFolder = ".libquant-bits";

/// Throws InvalidArgument with the way out unless a run with these flags may start in `output`.
void check_output(const std::filesystem::path& output, bool resume, bool overwrite);

/// The report of a finished run in `output` if it has this fingerprint; InvalidArgument naming the
/// difference otherwise.
QuantizeReport finished_report(const std::filesystem::path& output, const Json& fingerprint);

/// Keeps other processes out of a folder while it lives; the system drops it when a process dies.
class FolderLock {
 public:
  /// Throws Error when somebody else holds it.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

/// `output`/.libquant-work while a run is under way: the fingerprint, one file per finished block,
/// hidden states after one of the newest, results before they are moved to their place. Locked
/// against a second process.
class WorkFolder {
 public:
  /// Creates it, or continues it when it has the same fingerprint (InvalidArgument naming the
  /// difference otherwise). `discard`: whatever it held before is removed first.
  WorkFolder(const std::filesystem::path& output, const Json& fingerprint, bool discard);
  const std::filesystem::path& path() const noexcept { return path_; }
  const std::string& fingerprint() const noexcept { return fingerprint_; }
  std::filesystem::path block(std::size_t index) const;
  std::filesystem::path state(std::size_t index) const;
  std::filesystem::path staged() const { return path_ / "staged"; }

  /// Removes block and state files from `first` on, and leftovers of writes that were cut short.
  void remove_from(std::size_t first);
  /// Removes the state files of blocks before `index`.
  void remove_states_before(std::size_t index);
  /// Removes everything; the folder disappears under its name in one step.
  void finish();

 private:
  std::filesystem::path path_;
  std::string fingerprint_;
  std::optional<FolderLock> lock_;
};

inline constexpr const char* kReportFile = "quantize_report.json";

}  // namespace libquant
