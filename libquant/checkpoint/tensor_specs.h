#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/model/config.h"

namespace libquant {

/// One tensor that a config calls for.
struct TensorSpec {
  enum class Kind : std::uint8_t { embedding, norm, linear, bias, lm_head };

  std::string name;  ///< Hugging Face's, ends in ".weight" or ".bias"
  std::string gguf_name;
  Kind kind = Kind::norm;
  std::size_t rows = 1;  ///< 1 for vectors
  std::size_t cols = 0;
  /// GGUF's llama files interleave the halves of each q and k head; 0 for all other tensors.
  std::size_t permuted_head_dim = 0;

  bool is_vector() const noexcept { return kind == Kind::norm || kind == Kind::bias; }
  std::vector<std::size_t> shape() const;
};

/// All of them in canonical order: embeddings, blocks by number, final norm, lm_head.
std::vector<TensorSpec> tensor_specs(const ModelConfig& config);

/// Row of a permuted GGUF tensor that holds row `row` of Hugging Face's. Within a head, dimension
/// i of the first half and i of the second become neighbours (llama.cpp's convert_hf_to_gguf.py,
/// `permute`).
constexpr std::size_t gguf_row(std::size_t row, std::size_t head_dim) noexcept {
  if (head_dim == 0) return row;
  const std::size_t within = row % head_dim, half = head_dim / 2;
  return row - within + 2 * (within % half) + within / half;
}
/// The inverse.
constexpr std::size_t hf_row(std::size_t row, std::size_t head_dim) noexcept {
  if (head_dim == 0) return row;
  const std::size_t within = row % head_dim, half = head_dim / 2;
  return row - within + (within % 2) * half + within / 2;
}

/// "model.layers.3.mlp.up_proj" of "model.layers.3.mlp.up_proj.weight".
std::string_view module_of(std::string_view tensor) noexcept;

}  // namespace libquant
