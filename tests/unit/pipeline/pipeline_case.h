#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "libquant/pipeline/quantize_model.h"
#include "tests/support/files.h"
#include "tests/support/tiny_checkpoint.h"

namespace libquant::testing {

/// A tiny model, a calibration text and a folder for results.
struct PipelineCase {
  TemporaryFolder folder;
  TinyCheckpoint model;

  PipelineCase() { write_file(folder / "text.txt", made_up_text(4000, 1)); }

  /// 4 bits in groups of 32, GPTQ on 6 windows of 48 tokens, into folder/`name`.
  QuantizeOptions options(const std::string& name) const {
    QuantizeOptions options;
    options.layer.scheme.bits = 4;
    options.layer.scheme.group_size = 32;
    options.calibration.texts = {folder / "text.txt"};
    options.calibration.windows = 6;
    options.calibration.window = 48;
    options.output = folder / name;
    options.source_name = "tiny";
    return options;
  }
};

/// Content of every file below a folder but the report (which holds times), by relative name.
inline std::map<std::string, std::string> contents(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().filename() != "quantize_report.json")
      files[entry.path().lexically_relative(folder).generic_string()] = read_file(entry.path());
  return files;
}

inline bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace libquant::testing
