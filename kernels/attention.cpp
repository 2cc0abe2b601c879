#include "kernels/attention.h"

#include <cmath>

#include "kernels/threads.h"

namespace libquant::kernels {

void attention_f32(const AttentionShape& shape, const float* q, std::size_t ldq, const float* k,
                   const float* v, std::size_t ldkv, float* out, std::size_t ldo) noexcept {
  const std::size_t dim = shape.head_dim;
  const std::size_t share = shape.heads / shape.kv_heads;
  parallel_for(shape.queries * shape.heads, 1, [&](std::size_t index) {
    const std::size_t i = index / shape.heads;
    const std::size_t head = index % shape.heads;
    const float* query = q + i * ldq + head * dim;
    float* result = out + i * ldo + head * dim;
    const std::size_t end = shape.keys - shape.queries + i + 1;
    const std::size_t begin = shape.window > 0 && end > shape.window ? end - shape.window : 0;
    const std::size_t offset = (head / share) * dim;
    float highest = -INFINITY, sum = 0;
    for (std::size_t d = 0; d < dim; ++d) result[d] = 0;
    for (std::size_t j = begin; j < end; ++j) {
      float score = 0;
      for (std::size_t d = 0; d < dim; ++d) score += query[d] * k[j * ldkv + offset + d];
      score *= shape.scale;
      const float top = score > highest ? score : highest;
      const float keep = std::exp(highest - top), weight = std::exp(score - top);
      highest = top;
      sum = sum * keep + weight;
      for (std::size_t d = 0; d < dim; ++d)
        result[d] = result[d] * keep + weight * v[j * ldkv + offset + d];
    }
    for (std::size_t d = 0; d < dim; ++d) result[d] /= sum;
  });
}

}  // namespace libquant::kernels
