#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/core/matrix.h"
#include "libquant/io/safetensors.h"
#include "libquant/pipeline/quantize_report.h"
#include "libquant/quant/quantized_matrix.h"

namespace libquant {

/// Wall-clock seconds spent on a block.
struct StageSeconds {
  double forward = 0, hessian = 0, solve = 0;
};

struct QuantizedLayer {
  NamedLayerReport report;
  QuantizedMatrix matrix;
};

/// One finished block in the work folder: a safetensors file with the codes (one byte each) and
/// group parameters of its layers; reports, timings and a hash over all of it in the metadata.
/// Its appearance under its name is what makes the block finished.
struct FinishedBlock {
  std::size_t block = 0;
  std::vector<QuantizedLayer> layers;
  StageSeconds seconds;
  std::string fingerprint;  ///< fingerprint_hash() of the run
  std::string state;        ///< hash of the hidden states after the block, empty without any
};

void write_block_file(const std::filesystem::path& path, const FinishedBlock& block);

/// A block file, mapped and verified.
class BlockFile {
 public:
  /// Throws FormatError when the file is damaged or is of another block or run.
  BlockFile(const std::filesystem::path& path, std::size_t block, std::string_view fingerprint);

  const std::vector<NamedLayerReport>& reports() const noexcept { return reports_; }
  const StageSeconds& seconds() const noexcept { return seconds_; }
  const std::string& state() const noexcept { return state_; }
  bool has(std::string_view layer) const noexcept;
  QuantizedMatrix matrix(std::string_view layer) const;

 private:
  const NamedLayerReport* find(std::string_view layer) const noexcept;

  SafetensorsFile file_;
  std::vector<NamedLayerReport> reports_;
  StageSeconds seconds_;
  std::string state_;
};

/// Hidden states after a block: what the next one starts from. Returns their hash.
std::string write_state_file(const std::filesystem::path& path, const Matrix& hidden);
/// Throws FormatError unless the file holds [rows x cols] values with that hash.
Matrix read_state_file(const std::filesystem::path& path, std::string_view hash, std::size_t rows,
                       std::size_t cols);

}  // namespace libquant
