#include "libquant/pipeline/write_outputs.h"

#include <algorithm>
#include <set>

#include "libquant/core/error.h"
#include "libquant/io/atomic_file.h"

namespace libquant {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGgufName = "model.gguf";

// A folder without config.json is no model, so that file comes last.
bool moves_later(const fs::path& file) { return file.filename() == "config.json"; }

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(folder));
  std::sort(files.begin(), files.end());
  std::stable_partition(files.begin(), files.end(),
                        [](const fs::path& file) { return !moves_later(file); });
  return files;
}

void remove_earlier_result(const fs::path& output, const std::vector<fs::path>& keep) {
  const fs::path report = output / kReportFile;
  if (!fs::exists(report)) return;
  const std::set<fs::path> kept(keep.begin(), keep.end());
  for (const auto& file : files_of_report(Json::parse_file(report))) {
    const fs::path normal = file.lexically_normal();
    const bool inside = normal.is_relative() && *normal.begin() != "..";
    if (inside && !kept.contains(normal)) fs::remove(output / normal);
  }
  fs::remove(report);
}

}  // namespace

fs::path output_path(const QuantizeOptions& options, Format format) {
  const fs::path folder = options.formats.size() > 1 ? fs::path(to_string(format)) : fs::path();
  return format == Format::gguf ? folder / kGgufName : folder;
}

std::vector<fs::path> stage_outputs(const QuantizedCheckpoint& model,
                                    const QuantizeOptions& options, const WorkFolder& work,
                                    const ProgressCallback& progress) {
  const fs::path root = work.staged();
  fs::remove_all(root);
  for (std::size_t i = 0; i < options.formats.size(); ++i) {
    WriteOptions write = options.write;
    write.format = options.formats[i];
    const fs::path target = (root / output_path(options, write.format)).lexically_normal();
    fs::create_directories(root);
    if (target.has_parent_path()) fs::create_directories(target.parent_path());
    const auto share = static_cast<double>(options.formats.size());
    write_checkpoint(model, target, write, [&](const Progress& inner) {
      const double done = inner.total > 0 ? inner.done / inner.total : 0;
      return !progress || progress({inner.stage, static_cast<double>(i) + done, share});
    });
  }
  return files_below(root);
}

void publish_outputs(const WorkFolder& work, const QuantizeOptions& options,
                     const QuantizeReport& report, const Json& fingerprint) {
  remove_earlier_result(options.output, report.files);
  for (const auto& file : report.files) {
    const fs::path target = options.output / file;
    if (target.has_parent_path()) fs::create_directories(target.parent_path());
    fs::rename(work.staged() / file, target);
  }
  Json json = to_json(report);
  json.set("fingerprint", fingerprint);
  write_file_atomic(options.output / kReportFile, json.dump(2) + "\n");
}

}  // namespace libquant
