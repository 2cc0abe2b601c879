#include "libquant/checkpoint/write_checkpoint.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "libquant/checkpoint/export_parts.h"
#include "libquant/core/error.h"

namespace libquant {
namespace {

namespace fs = std::filesystem;

// The sibling under which everything is written; removed unless it was renamed.
class PartialOutput {
 public:
  explicit PartialOutput(const fs::path& target) : target_(target) {
    partial_ =
        target.parent_path() / fmt::format(".{}.libquant-partial", target.filename().string());
    std::error_code ignored;
    fs::remove_all(partial_, ignored);  // of a run that was killed
  }
  PartialOutput(const PartialOutput&) = delete;
  PartialOutput& operator=(const PartialOutput&) = delete;
  ~PartialOutput() {
    std::error_code ignored;
    fs::remove_all(partial_, ignored);
  }

  const fs::path& path() const noexcept { return partial_; }
  void publish() const {
    std::error_code error;
    fs::rename(partial_, target_, error);
    require<Error>(!error, "renaming {} to {}: {}", partial_.string(), target_.string(),
                   error.message());
  }

 private:
  fs::path target_, partial_;
};

// "dir/" names the same as "dir".
fs::path without_slash(const fs::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

void check_target(const fs::path& path, Format format) {
  require(path.has_filename(), "writing a model: {} names no file or folder", path.string());
  if (format == Format::gguf) {
    require<Error>(!fs::exists(path), "writing {}: it exists already", path.string());
  } else if (fs::exists(path)) {
    require<Error>(fs::is_directory(path), "writing {}: it is a file, {} is a folder",
                   path.string(), to_string(format));
    require<Error>(fs::is_empty(path), "writing {}: the folder is not empty", path.string());
  }
}

void create_folder(const fs::path& path) {
  if (path.empty()) return;
  std::error_code error;
  fs::create_directories(path, error);
  require<Error>(!error, "creating folder {}: {}", path.string(), error.message());
}

double total_work(const std::vector<PlannedTensor>& plan) {
  double values = 0;
  for (const PlannedTensor& tensor : plan)
    values += static_cast<double>(tensor.spec.rows) * static_cast<double>(tensor.spec.cols);
  return 2 * values;  // written, then read back
}

}  // namespace

void ExportProgress::advance(std::string_view stage, std::size_t values) {
  done_ += static_cast<double>(values);
  if (callback_ && !callback_({stage, std::min(done_, total_), total_}))
    fail<Interrupted>("stopped while {}", stage);
}

void check_writable(const Checkpoint& source, const WriteOptions& options) {
  check_output_types(source.config(), options);
  if (options.format == Format::gguf)
    check_gguf_file(source, options);
  else
    check_hf_folder(source, options);
}

std::vector<fs::path> write_checkpoint(const Checkpoint& source, const fs::path& path,
                                       const WriteOptions& options,
                                       const ProgressCallback& progress) {
  const fs::path target = without_slash(path);
  check_target(target, options.format);
  const std::vector<PlannedTensor> plan = plan_output(source, options);
  create_folder(target.parent_path());
  ExportProgress work(progress, total_work(plan));
  const PartialOutput output(target);
  if (options.format == Format::gguf) {
    write_gguf_file(source, plan, options, output.path(), work);
  } else {
    create_folder(output.path());
    write_hf_folder(source, plan, options, output.path(), work);
  }
  verify_export(source, plan, options, *open_checkpoint(output.path()), work);
  output.publish();
  if (options.format == Format::gguf) return {target};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(target)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace libquant
