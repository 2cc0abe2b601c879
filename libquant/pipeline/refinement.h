#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "libquant/fairness/distillation.h"
#include "libquant/pipeline/prepare.h"
#include "libquant/pipeline/refined_scales.h"
#include "libquant/pipeline/scratch_activations.h"

namespace libquant {

struct QuantizeOptions;

/// `count` things in an order drawn anew for every time through.
class Deck {
 public:
  Deck(std::size_t count, std::uint64_t seed) : count_(count), seed_(seed) {}
  /// Number `index` of the endless sequence.
  std::size_t at(std::size_t index);

 private:
  std::size_t count_;
  std::uint64_t seed_;
  std::size_t round_ = static_cast<std::size_t>(-1);
  std::vector<std::size_t> order_;
};

/// The scale refinement of a rounded model; see RefineOptions.
///
/// Memory: a block's weights in fp32 and their gradients, 8 bytes a scale and 12 a row, the
/// original's last hidden states of the text; hidden states of a step lie in a scratch file. Codes
/// stay in the block files. After every look the state goes to `folder`/refinement.safetensors; a
/// later run with the same fingerprint goes on from there, with the same result.
class Refinement {
 public:
  /// All arguments must outlive it.
  Refinement(const Checkpoint& source, const QuantizeOptions& options, const Prepared& prepared,
             std::filesystem::path folder, std::string fingerprint);

  /// Leaves the result in the file, and in `model`.
  RefineReport run(QuantizedCheckpoint& model, const ProgressCallback& progress);

 private:
  void ask_original(const ProgressCallback& progress);
  void look(QuantizedCheckpoint& model, const ProgressCallback& progress);
  void step(QuantizedCheckpoint& model, const ProgressCallback& progress);
  std::size_t step_rows() const;
  double rate() const;
  double probe_weight() const;
  bool out_of_patience() const;

  const Checkpoint& source_;
  const QuantizeOptions& options_;
  const Prepared& prepared_;
  std::filesystem::path folder_;
  std::string fingerprint_;
  std::unique_ptr<DistillationSet> train_, select_;
  std::unique_ptr<RefinedScales> scales_;
  ScratchActivations room_;
  Deck items_, windows_;
  RefineReport report_;
};

/// Puts the result of a finished refinement in `folder` into a model of the same blocks. Error
/// where there is none.
void put_refined(const std::filesystem::path& folder, std::string_view fingerprint,
                 QuantizedCheckpoint& model);

/// What a refinement adds to a run.
double refine_flops(const ModelConfig& config, const QuantizeOptions& options,
                    const Prepared& prepared);
double refine_array_bytes(const ModelConfig& config, const QuantizeOptions& options,
                          const Prepared& prepared);
double refine_peak_bytes(const ModelConfig& config, const QuantizeOptions& options,
                         const Prepared& prepared);
double refine_disk_bytes(const ModelConfig& config, const QuantizeOptions& options,
                         const Prepared& prepared);

}  // namespace libquant
