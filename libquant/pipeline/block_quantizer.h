#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "libquant/linalg/hessian.h"
#include "libquant/model/block.h"
#include "libquant/pipeline/block_file.h"
#include "libquant/pipeline/fair_solver.h"
#include "libquant/pipeline/layer_plan.h"
#include "libquant/pipeline/progress_meter.h"
#include "libquant/pipeline/scratch_activations.h"

namespace libquant {

/// Runs calibration tokens through blocks and quantizes them in true-sequential order: the inputs
/// of every layer come from layers that are already quantized, and each linear layer computes its
/// outputs once.
class BlockQuantizer {
 public:
  /// `hidden` [tokens x hidden]: windows of `window` tokens after one another; empty where no
  /// forward pass is needed. `scratch` is a folder.
  BlockQuantizer(const ModelConfig& config, const LayerPlan& plan, Matrix hidden,
                 std::size_t window, const std::filesystem::path& scratch, ProgressMeter& progress);

  /// `hook` runs each time before the hidden states begin to change, about half way through a
  /// block: whoever still reads them then finishes.
  void before_change(std::function<void()> hook) { before_change_ = std::move(hook); }
  /// Solves layers with a fairness term from now on; `solver` must outlive this.
  void use(const FairSolver* solver) noexcept { fair_ = solver; }

  /// Quantizes one block and moves the hidden states behind it (not for the last block). `weights`
  /// are used up.
  std::vector<QuantizedLayer> quantize(std::size_t block, BlockWeights weights);
  /// Moves the hidden states behind a block that is already quantized.
  void replay(std::size_t block, const BlockWeights& weights);

  const Matrix& hidden() const noexcept { return hidden_; }
  /// Of the blocks so far; `take_seconds` starts anew.
  StageSeconds take_seconds();

 private:
  struct Pass;
  struct Chunk {
    std::size_t begin, count;
  };

  void attention_stages(Pass& pass);
  void mlp_stages(Pass& pass);
  void solve(Pass& pass, std::span<const LinearRole> roles, std::optional<Hessian> hessian);
  std::optional<Hessian> hessian_for(const Pass& pass, std::span<const LinearRole> roles) const;
  void add(std::optional<Hessian>& hessian, ConstMatrixView x, const Pass& pass, LinearRole role);
  void for_chunks(const Pass& pass, const char* what, std::size_t step, double flops,
                  const std::function<void(const Chunk&)>& body);

  const ModelConfig& config_;
  const LayerPlan& plan_;
  Matrix hidden_;
  std::size_t window_;
  RopeTable rope_;
  BlockStages stages_;
  ScratchActivations scratch_;
  std::vector<std::size_t> lengths_;
  ProgressMeter& progress_;
  const FairSolver* fair_ = nullptr;
  std::function<void()> before_change_;
  StageSeconds seconds_;
};

/// Work units of quantizing one layer, in the scale of forward FLOPs, for fair progress.
double solve_work(const PlannedLayer& layer, bool with_hessian);

}  // namespace libquant
