#pragma once

#include <cstddef>

namespace libquant::kernels {

/// Causal grouped-query attention of one sequence, softmax in fp32.
/// q, out: [queries x heads x head_dim]; k, v: [keys x kv_heads x head_dim], all row-major, rows
/// `ldq`, `ldkv`, `ldo` elements apart. Query i sees keys 0 .. keys - queries + i, and with
/// `window` > 0 only the last `window` of them.
struct AttentionShape {
  std::size_t queries;
  std::size_t keys;
  std::size_t heads;
  std::size_t kv_heads;
  std::size_t head_dim;
  std::size_t window;  ///< 0 = all earlier keys
  float scale;         ///< usually 1 / sqrt(head_dim)
};

void attention_f32(const AttentionShape& shape, const float* q, std::size_t ldq, const float* k,
                   const float* v, std::size_t ldkv, float* out, std::size_t ldo) noexcept;

}  // namespace libquant::kernels
