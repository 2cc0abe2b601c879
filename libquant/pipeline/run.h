#pragma once

#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libquant/pipeline/block_quantizer.h"
#include "libquant/pipeline/fair_statistics.h"
#include "libquant/pipeline/prepare.h"
#include "libquant/pipeline/quantized_checkpoint.h"
#include "libquant/pipeline/work_folder.h"

namespace libquant {

/// One call of quantize_model after its checks: blocks into the work folder, then results out of
/// it.
class QuantizeRun {
 public:
  /// All arguments must outlive it.
  QuantizeRun(const Checkpoint& source, const QuantizeOptions& options, const Prepared& prepared,
              const Json& fingerprint, const ProgressCallback& progress);

  /// Quantizes the blocks that are not finished yet.
  void compute();
  /// Refines the scales of the finished blocks, where that is asked for.
  void refine();
  /// Writes every format into the work folder, verifies it there, and fills in the report.
  void write(QuantizeReport& report);
  /// The finished codes, with refined scales after refine(), as a model; they stay in the work
  /// folder, which must outlive it.
  std::unique_ptr<QuantizedCheckpoint> checkpoint() const;
  /// Moves the results to their places, writes the report beside them, removes the work folder.
  void publish(const QuantizeReport& report);

 private:
  std::size_t blocks() const { return source_.config().layers; }
  bool forward() const { return !prepared_.calibration.tokens.empty(); }
  std::unique_ptr<BlockFile> open_block(std::size_t block) const;
  std::unique_ptr<QuantizedCheckpoint> blocks_checkpoint() const;
  std::size_t count_finished();
  double total_work() const;
  double write_work() const;
  BlockQuantizer start_quantizer();
  double fair_work() const;
  double refine_work() const;
  std::filesystem::path fair_folder() const;
  void prepare_fair_solver();
  std::size_t restore_state(Matrix& hidden);
  BlockWeights finished_weights(std::size_t block) const;
  void compute_block(BlockQuantizer& quantizer, std::size_t block, std::future<void>& commit);
  WriteOptions write_options() const;
  void describe_blocks(QuantizeReport& report) const;
  void describe_fairness(QuantizeReport& report) const;

  const Checkpoint& source_;
  const QuantizeOptions& options_;
  const Prepared& prepared_;
  const Json& fingerprint_;
  std::vector<std::string> notes_;
  WorkFolder work_;
  std::vector<bool> kept_states_;  ///< by block
  std::size_t first_;              ///< blocks finished by earlier calls
  ProgressMeter progress_;
  std::unique_ptr<FairStatistics> fair_statistics_;
  std::unique_ptr<FairSolver> fair_solver_;
  std::optional<RefineReport> refine_report_;
  double fair_seconds_ = 0;
};

}  // namespace libquant
