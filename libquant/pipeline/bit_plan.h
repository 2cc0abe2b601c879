#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/core/progress.h"
#include "libquant/io/json.h"
#include "libquant/pipeline/bit_allocation.h"

namespace libquant {

struct QuantizeOptions;

/// Bits of every matrix under a budget. q, k and v of a block have the same, gate and up too, which
/// runtimes that fuse them need.
struct BitPlan {
  double budget = 0;   ///< bits per weight, group parameters included
  std::string format;  ///< whose bytes were counted
  std::uint64_t weights = 0;
  std::vector<BitGroup> groups;
  /// Predictions, of a layer at one width, for which GPTQ could not factor the form: their loss is
  /// that of rounding to nearest, which is higher.
  std::size_t fallbacks = 0;

  /// Width of a layer ("model.layers.0.mlp.up_proj"); empty for one that the plan does not name.
  std::optional<int> bits_of(std::string_view layer) const;
  /// Of the codes and all that lies beside them.
  std::uint64_t bytes() const;
  double bits_per_weight() const {
    return 8 * static_cast<double>(bytes()) / static_cast<double>(weights);
  }
  double predicted_loss() const;
};

/// Chooses bits from {2, 3, 4, 5, 6, 8}, of which every output format must hold each layer, so that
/// the predicted loss is least within `bits_per_weight` on average, in bytes as the first format
/// packs them. `options.layer.scheme.bits` is not used; the rest of the grid is. The loss of a
/// matrix of R rows rounded to Q is, to second order and if errors have no preferred direction,
///
///     tr((Q-W) (S_text / tokens + strength S_probes / items) (Q-W)^T) / (2 R)
///
/// nats: what ordinary text loses per token plus, times `options.fairness.strength`, what the
/// answers to the calibrate split's probes move (where there are probes). S = sum |dL/dy|^2 x x^T
/// of docs/fairness.md; Q is what `options.layer` makes under that form.
///
/// On the one model that was measured, plans did no better than the same bits everywhere: see
/// docs/fairness.md before using it.
///
/// Needs calibration text. Statistics lie in `options.output`/.libquant-bits while it runs (or in
/// `options.fairness.statistics`, those of the probes) and are removed. Throws InvalidArgument for
/// a budget that cannot be kept, an override of bits, or a statistic other than sensitivity;
/// NotSupported where the formats hold no width; Interrupted. Same plan at any thread count.
BitPlan plan_bits(const Checkpoint& source, const QuantizeOptions& options, double bits_per_weight,
                  const ProgressCallback& progress = {});

Json to_json(const BitPlan& plan);
/// FormatError naming the key when one is missing or has another type, or a layer occurs twice.
BitPlan bit_plan_from_json(const Json& json);

}  // namespace libquant
