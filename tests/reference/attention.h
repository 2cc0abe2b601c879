#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace libquant::reference {

/// Causal grouped-query attention in double: one head of one query at a time, the formula as in
/// Vaswani et al. 2017. Same meaning of the arguments as kernels::attention_f32; out is dense
/// [queries x heads x head_dim].
inline std::vector<double> attention(std::size_t queries, std::size_t keys, std::size_t heads,
                                     std::size_t kv_heads, std::size_t head_dim, std::size_t window,
                                     double scale, const float* q, std::size_t ldq, const float* k,
                                     const float* v, std::size_t ldkv) {
  std::vector<double> out(queries * heads * head_dim);
  for (std::size_t i = 0; i < queries; ++i) {
    const std::size_t end = keys - queries + i + 1;
    const std::size_t begin = window > 0 && end > window ? end - window : 0;
    for (std::size_t h = 0; h < heads; ++h) {
      const std::size_t at = h / (heads / kv_heads) * head_dim;
      std::vector<double> weights(end - begin);
      double highest = -INFINITY, sum = 0;
      for (std::size_t j = begin; j < end; ++j) {
        double score = 0;
        for (std::size_t d = 0; d < head_dim; ++d)
          score += double{q[i * ldq + h * head_dim + d]} * double{k[j * ldkv + at + d]};
        weights[j - begin] = score * scale;
        highest = std::fmax(highest, score * scale);
      }
      for (double& w : weights) sum += w = std::exp(w - highest);
      for (std::size_t d = 0; d < head_dim; ++d) {
        double value = 0;
        for (std::size_t j = begin; j < end; ++j)
          value += weights[j - begin] / sum * double{v[j * ldkv + at + d]};
        out[(i * heads + h) * head_dim + d] = value;
      }
    }
  }
  return out;
}

}  // namespace libquant::reference
