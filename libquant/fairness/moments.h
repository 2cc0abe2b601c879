#pragma once

#include <array>
#include <optional>
#include <vector>

#include "libquant/linalg/hessian.h"
#include "libquant/model/backward.h"

namespace libquant {

/// Second moments that stand beside H, one per linear layer of a block; of layers that share their
/// inputs only the first has its own where weights make no difference.
class BlockMoments {
 public:
  /// `weighted`: every role has its own (rows are weighted by its gradients).
  BlockMoments(const ModelConfig& config, bool weighted);

  /// Adds w_t^2 x_t x_t^T with w_t = |dL/dy_t|. Rows without gradient cost nothing.
  void add_weighted(const LinearRows& rows);
  /// Adds x_t x_t^T of all rows, or of the rows given.
  void add(LinearRole role, ConstMatrixView x);

  /// Lower triangle, row-major [inputs x inputs].
  const Hessian& of(LinearRole role) const;

 private:
  std::size_t slot(LinearRole role) const noexcept;

  bool weighted_;
  std::array<std::optional<Hessian>, kLinearRoles.size()> moments_;
};

/// Whether `role` sees its block's inputs first of those that share them: q, o, gate, down.
bool leads_inputs(LinearRole role) noexcept;

}  // namespace libquant
