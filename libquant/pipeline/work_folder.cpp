#include "libquant/pipeline/work_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "libquant/core/error.h"
#include "libquant/io/atomic_file.h"
#include "libquant/pipeline/fingerprint.h"

namespace libquant {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWorkName = ".libquant-work";
// A finished work folder gets this name first, so that being killed while its files are removed
// never looks like an unfinished run.
constexpr const char* kTrashName = ".libquant-work-finished";
constexpr const char* kSearchName = ".libquant-search";
constexpr const char* kFingerprintFile = "fingerprint.json";

/// Index of "block-0003.bin" or "state-0003.bin"; empty for any other name.
std::optional<std::size_t> index_of(const std::string& name) {
  const bool known = name.starts_with("block-") || name.starts_with("state-");
  if (!known || !name.ends_with(".bin") || name.size() <= 10) return std::nullopt;
  std::size_t index = 0;
  const char* end = name.data() + name.size() - 4;
  const auto result = std::from_chars(name.data() + 6, end, index);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return index;
}

template <typename... Args>
void check_system(const std::error_code& error, fmt::format_string<Args...> format,
                  Args&&... args) {
  if (error)
    fail<Error>("{}: {}", fmt::format(format, std::forward<Args>(args)...), error.message());
}

void remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  check_system(error, "cannot remove {}", path.string());
}

}  // namespace

fs::path work_folder(const fs::path& output) { return output / kWorkName; }
fs::path search_folder(const fs::path& output) { return output / kSearchName; }

OutputState output_state(const fs::path& output) {
  if (!fs::exists(output)) return OutputState::empty;
  require(fs::is_directory(output), "output {} is not a folder", output.string());
  if (fs::exists(output / kWorkName / kFingerprintFile) || fs::exists(search_folder(output)))
    return OutputState::unfinished;
  if (fs::exists(output / kReportFile)) return OutputState::finished;
  for (const auto& entry : fs::directory_iterator(output)) {
    const auto name = entry.path().filename();
    if (name != kWorkName && name != kTrashName && name != kBitsFolder) return OutputState::foreign;
  }
  return OutputState::empty;
}

void check_output(const fs::path& output, bool resume, bool overwrite) {
  require(!output.empty(), "quantization needs an output folder");
  require(!(resume && overwrite), "resume and overwrite contradict each other");
  switch (output_state(output)) {
    case OutputState::empty:
      return;
    case OutputState::unfinished:
      require(resume || overwrite,
              "{} holds an unfinished run: go on with it (--resume) or discard it (--overwrite)",
              output.string());
      return;
    case OutputState::finished:
      require(resume || overwrite,
              "{} holds the result of an earlier run: name another folder, or replace it "
              "(--overwrite)",
              output.string());
      return;
    case OutputState::foreign:
      fail<InvalidArgument>("output folder {} is not empty and was not written by libquant",
                            output.string());
  }
}

QuantizeReport finished_report(const fs::path& output, const Json& fingerprint) {
  const Json json = Json::parse_file(output / kReportFile);
  const std::string difference = fingerprint_difference(json.at("fingerprint"), fingerprint);
  require(difference.empty(), "{} holds a finished run that differs: {}", output.string(),
          difference);
  return report_from_json(json);
}

FolderLock::FolderLock(const fs::path& folder) {
  const fs::path file = folder / "lock";
  descriptor_ = open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  require<Error>(descriptor_ >= 0, "cannot open {}: {}", file.string(), std::strerror(errno));
  if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    close(descriptor_);
    fail<Error>("another process is working in {}", folder.string());
  }
}

FolderLock::~FolderLock() { close(descriptor_); }

WorkFolder::WorkFolder(const fs::path& output, const Json& fingerprint, bool discard)
    : path_(work_folder(output)), fingerprint_(fingerprint_hash(fingerprint)) {
  std::error_code error;
  fs::create_directories(path_, error);
  check_system(error, "cannot create {}", path_.string());
  lock_.emplace(path_);
  remove_tree(output / kTrashName);
  const fs::path kept = path_ / kFingerprintFile;
  if (discard) {
    fs::remove(kept);
    remove_from(0);
    remove_tree(staged());
  }
  if (fs::exists(kept)) {
    const std::string difference = fingerprint_difference(Json::parse_file(kept), fingerprint);
    require(difference.empty(),
            "cannot resume in {}: {}; use the same options, or start again (--overwrite)",
            output.string(), difference);
  } else {
    write_file_atomic(kept, fingerprint.dump(2) + "\n");
  }
}

fs::path WorkFolder::block(std::size_t index) const {
  return path_ / fmt::format("block-{:04}.bin", index);
}

fs::path WorkFolder::state(std::size_t index) const {
  return path_ / fmt::format("state-{:04}.bin", index);
}

void WorkFolder::remove_from(std::size_t first) {
  for (const auto& entry : fs::directory_iterator(path_)) {
    const std::string name = entry.path().filename().string();
    if (name == kFingerprintFile || name == "lock" || entry.is_directory()) continue;
    const auto index = index_of(name);
    if (!index || *index >= first) fs::remove(entry.path());
  }
}

void WorkFolder::remove_states_before(std::size_t index) {
  for (std::size_t i = 0; i < index; ++i) fs::remove(state(i));
}

void WorkFolder::finish() {
  const fs::path trash = path_.parent_path() / kTrashName;
  std::error_code error;
  fs::rename(path_, trash, error);
  check_system(error, "cannot rename {}", path_.string());
  remove_tree(trash);
}

}  // namespace libquant
