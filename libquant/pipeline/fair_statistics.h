#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "libquant/core/progress.h"
#include "libquant/model/block.h"
#include "libquant/pipeline/fair_prepare.h"

namespace libquant {

/// H_D of every layer on disk, because all of them do not fit in memory and the pass that makes
/// them goes from the last block to the first: one file per block with lower triangles in fp32, and
/// a file that names what decides their content. The folder is complete when that file is there.
class FairStatistics {
 public:
  /// In a folder of the user's, files of another identity are refused with InvalidArgument naming
  /// the difference; in a work folder (`owned`) they are replaced.
  FairStatistics(std::filesystem::path folder, const ModelConfig& config,
                 const FairPreparation& fair, bool owned);

  /// Whether all files are there and undamaged.
  bool complete() const noexcept { return complete_; }
  /// Computes them. Returns the seconds it took.
  double compute(const ProgressCallback& progress);

  /// Lower triangle of a layer's H_D, row-major [inputs x inputs], in double. FormatError for a
  /// damaged file.
  std::vector<double> load(std::size_t block, LinearRole role) const;

 private:
  std::filesystem::path file(std::size_t block) const;
  bool verify() const;
  void write(std::size_t block, const BlockMoments& moments) const;

  std::filesystem::path folder_;
  const ModelConfig& config_;
  const FairPreparation& fair_;
  bool complete_ = false;
};

}  // namespace libquant
