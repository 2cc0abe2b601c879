#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/core/matrix.h"
#include "libquant/model/config.h"
#include "libquant/model/kv_cache.h"
#include "libquant/model/linear.h"
#include "libquant/model/rope.h"
#include "libquant/model/weight_source.h"

namespace libquant {

/// The linear layers of a block, in the order in which GPTQ's true-sequential pass meets them.
enum class LinearRole : std::uint8_t { q, k, v, o, gate, up, down };
inline constexpr std::array kLinearRoles{LinearRole::q,   LinearRole::k,    LinearRole::v,
                                         LinearRole::o,   LinearRole::gate, LinearRole::up,
                                         LinearRole::down};
/// "self_attn.q_proj" ... "mlp.down_proj".
std::string_view to_string(LinearRole role) noexcept;
/// "model.layers.3.self_attn.q_proj"; add ".weight" or ".bias".
std::string linear_name(std::size_t layer, LinearRole role);

/// The vectors of a block.
struct BlockNorms {
  std::vector<float> attention_norm, mlp_norm;  ///< [hidden]
  std::vector<float> q_norm, k_norm;            ///< [head_dim] or empty
};

/// A block in fp32.
struct BlockWeights : BlockNorms {
  std::array<Linear, kLinearRoles.size()> linears;

  Linear& operator[](LinearRole role) { return linears[static_cast<std::size_t>(role)]; }
  const Linear& operator[](LinearRole role) const {
    return linears[static_cast<std::size_t>(role)];
  }
};

/// A block whose weights lie in memory as they are stored, where there are kernels for that.
struct BlockLayers : BlockNorms {
  std::array<std::unique_ptr<const LinearLayer>, kLinearRoles.size()> linears;
};

/// Either kind, to compute with.
class BlockView {
 public:
  BlockView(const BlockWeights& block) : norms(block) {  // NOLINT(google-explicit-constructor)
    for (std::size_t i = 0; i < linears_.size(); ++i) linears_[i] = &block.linears[i];
  }
  BlockView(const BlockLayers& block) : norms(block) {  // NOLINT(google-explicit-constructor)
    for (std::size_t i = 0; i < linears_.size(); ++i) linears_[i] = block.linears[i].get();
  }
  const LinearLayer& operator[](LinearRole role) const {
    return *linears_[static_cast<std::size_t>(role)];
  }

  const BlockNorms& norms;

 private:
  std::array<const LinearLayer*, kLinearRoles.size()> linears_;
};

/// Loads block `layer`. FormatError naming the tensor where one is missing, has another shape than
/// the config says, holds NaN or infinity, or is a bias that the config does not have.
BlockWeights load_block(const WeightSource& source, std::size_t layer);
/// The same with every matrix in the form that load_linear_layer chooses.
BlockLayers load_block(const WeightSource& source, std::size_t layer, const ModelOptions& options,
                       WeightUses& uses);

/// The block as stages, so that a calibration pass can stop between them (true-sequential GPTQ) and
/// a plain forward pass runs the same code. `hidden` and `x` hold the tokens of several sequences
/// after one another in contiguous rows; `lengths` are their token counts. With caches (one per
/// sequence, else empty) keys and values are written behind the tokens that a cache holds, which
/// are attended to; the caller advances the caches after the last layer. Sequences take their turn,
/// so several may share one cache and continue the same prefix, as long as it is not advanced.
/// Keeps references to `config` and `rope`. Sizes are the caller's to get right: nothing is
/// checked.
class BlockStages {
 public:
  BlockStages(const ModelConfig& config, const RopeTable& rope) : config_(config), rope_(rope) {}

  /// RMS norm before attention: the input of q, k, v.
  Matrix attention_input(const BlockView& block, ConstMatrixView hidden) const;
  /// q, k, v projections, norms, rotary embedding and attention: the input of o, into `context`.
  void attention_context(const BlockView& block, ConstMatrixView x,
                         std::span<const std::size_t> lengths, std::size_t layer,
                         std::span<KvCache* const> caches, MatrixView context) const;
  /// hidden += o(context).
  void attention_output(const BlockView& block, ConstMatrixView context, MatrixView hidden) const;
  /// RMS norm before the MLP: the input of gate and up.
  Matrix mlp_input(const BlockView& block, ConstMatrixView hidden) const;
  /// silu(gate(x)) * up(x), the input of down, into `inner`, whose rows are contiguous.
  void mlp_inner(const BlockView& block, ConstMatrixView x, MatrixView inner) const;
  /// hidden += down(inner).
  void mlp_output(const BlockView& block, ConstMatrixView inner, MatrixView hidden) const;

  /// All six in order.
  void forward(const BlockView& block, MatrixView hidden, std::span<const std::size_t> lengths,
               std::size_t layer, std::span<KvCache* const> caches) const;

 private:
  void rotate(MatrixView q, MatrixView k, const KvCache* cache) const;
  void attend(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v, std::size_t layer,
              KvCache* cache, MatrixView context) const noexcept;

  const ModelConfig& config_;
  const RopeTable& rope_;
};

}  // namespace libquant
