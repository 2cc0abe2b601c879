// Attention of few rows against a long cache: every key and value is read once, straight from the
// cache; the keys are cut into parts of kDecodeKeys that are merged in order, so the bytes do not
// depend on how parts meet threads. No include guard on purpose; include nothing here.

// Scores of one row for `keys` keys, as exponents of two.
inline void score_row(std::size_t dim, std::size_t keys, const float* query, const float* k,
                      std::size_t ldkv, float* scores) noexcept {
  constexpr std::size_t kLanes = F32::kLanes;
  for (std::size_t j = 0; j < keys; j += kLanes) {
    const std::size_t some = keys - j < kLanes ? keys - j : kLanes;
    F32 sum[kLanes];
    for (std::size_t i = 0; i < kLanes; ++i) sum[i] = F32::zero();
    for (std::size_t i = 0; i < some; ++i) {
      const float* key = k + (j + i) * ldkv;
      F32 dot = F32::zero();
      std::size_t d = 0;
      for (; d + kLanes <= dim; d += kLanes)
        dot = F32::fma(F32::load(query + d), F32::load(key + d), dot);
      if (d < dim)
        dot = F32::fma(F32::load_first(query + d, dim - d), F32::load_first(key + d, dim - d), dot);
      sum[i] = dot;
    }
    F32::transpose(sum);
    for (std::size_t half = kLanes / 2; half > 0; half /= 2)
      for (std::size_t i = 0; i < half; ++i) sum[i] = sum[i] + sum[i + half];
    sum[0].store(scores + j);
  }
}

// Weights of one row in place; hidden keys get none. Returns the maximum and the sum.
struct RowSums {
  float highest, sum;
};
inline RowSums soften_row(std::size_t begin, std::size_t end, std::size_t keys,
                          float* scores) noexcept {
  for (std::size_t j = 0; j < begin; ++j) scores[j] = 0;
  for (std::size_t j = end; j < keys; ++j) scores[j] = 0;
  float highest = kLowest;
  for (std::size_t j = begin; j < end; ++j) highest = highest > scores[j] ? highest : scores[j];
  F32 sum = F32::zero();
  std::size_t j = begin;
  const F32 top = F32::broadcast(highest);
  for (; j + F32::kLanes <= end; j += F32::kLanes) {
    const F32 weight = exp2_f32(F32::load(scores + j) - top);
    weight.store(scores + j);
    sum = sum + weight;
  }
  float rest = 0;
  for (; j < end; ++j) {
    alignas(64) float lane[F32::kLanes];
    exp2_f32(F32::broadcast(scores[j]) - top).store(lane);
    scores[j] = lane[0];
    rest += lane[0];
  }
  return {highest, sum.sum() + rest};
}

// out[d] = sum over keys of weight times value, for kVecs vectors of the head.
template <std::size_t kVecs>
LIBQUANT_INLINE void weigh_values(std::size_t keys, std::size_t last, const float* weights,
                                  const float* v, std::size_t ldkv, float* out) noexcept {
  F32 sum[kVecs];
  LIBQUANT_UNROLL
  for (std::size_t i = 0; i < kVecs; ++i) sum[i] = F32::zero();
  for (std::size_t j = 0; j < keys; ++j, v += ldkv) {
    const F32 weight = F32::broadcast(weights[j]);
    LIBQUANT_UNROLL
    for (std::size_t i = 0; i + 1 < kVecs; ++i)
      sum[i] = F32::fma(weight, F32::load(v + i * F32::kLanes), sum[i]);
    const float* end = v + (kVecs - 1) * F32::kLanes;
    const F32 tail = last == F32::kLanes ? F32::load(end) : F32::load_first(end, last);
    sum[kVecs - 1] = F32::fma(weight, tail, sum[kVecs - 1]);
  }
  LIBQUANT_UNROLL
  for (std::size_t i = 0; i < kVecs; ++i) sum[i].store(out + i * F32::kLanes);
}

inline void weigh_row(std::size_t dim, std::size_t keys, const float* weights, const float* v,
                      std::size_t ldkv, float* out) noexcept {
  constexpr std::size_t kWide = 4 * F32::kLanes;
  std::size_t d = 0;
  for (; d + kWide <= dim; d += kWide)
    weigh_values<4>(keys, F32::kLanes, weights, v + d, ldkv, out + d);
  for (; d < dim; d += F32::kLanes)
    weigh_values<1>(keys, dim - d < F32::kLanes ? dim - d : F32::kLanes, weights, v + d, ldkv,
                    out + d);
}

// Scratch: the scaled query (padded head_dim) and the scores of one row (kDecodeKeys + a vector).
inline void attention_part(const AttentionJob& job, std::size_t group, std::size_t key,
                           std::size_t keys, float* part, float* scratch) noexcept {
  const std::size_t dim = job.shape.head_dim, padded = padded_dim(job);
  const std::size_t rows = job.shape.queries * (job.shape.heads / job.shape.kv_heads);
  const std::size_t offset = key * job.ldkv + group * dim;
  const float scale = job.shape.scale * kLog2E;
  float* query = scratch;
  float* scores = query + padded;
  for (std::size_t r = 0; r < rows; ++r, part += padded + 2) {
    const float* from = job.q + row_offset(job.shape, group, r, job.ldq);
    for (std::size_t d = 0; d < dim; ++d) query[d] = from[d] * scale;
    const VisibleKeys seen = visible_keys(job.shape, r);
    const std::size_t begin = seen.begin > key ? seen.begin - key : 0;
    const std::size_t end = seen.end < key + keys ? (seen.end > key ? seen.end - key : 0) : keys;
    score_row(dim, keys, query, job.k + offset, job.ldkv, scores);
    const RowSums sums = soften_row(begin < end ? begin : end, end, keys, scores);
    weigh_row(dim, keys, scores, job.v + offset, job.ldkv, part);
    part[padded] = sums.highest;
    part[padded + 1] = sums.sum;
  }
}

// Scratch: one output row (padded head_dim).
inline void attention_merge(const AttentionJob& job, std::size_t group, std::size_t parts,
                            std::size_t stride, const float* part, float* scratch) noexcept {
  const std::size_t dim = job.shape.head_dim, padded = padded_dim(job);
  const std::size_t rows = job.shape.queries * (job.shape.heads / job.shape.kv_heads);
  for (std::size_t r = 0; r < rows; ++r, part += padded + 2) {
    float highest = kLowest;
    for (std::size_t p = 0; p < parts; ++p) {
      const float top = part[p * stride + padded];
      highest = highest > top ? highest : top;
    }
    for (std::size_t d = 0; d < padded; d += F32::kLanes) F32::zero().store(scratch + d);
    float sum = 0;
    for (std::size_t p = 0; p < parts; ++p) {
      const float* one = part + p * stride;
      alignas(64) float lane[F32::kLanes];
      exp2_f32(F32::broadcast(one[padded] - highest)).store(lane);
      sum += lane[0] * one[padded + 1];
      const F32 factor = F32::broadcast(lane[0]);
      for (std::size_t d = 0; d < padded; d += F32::kLanes)
        F32::fma(factor, F32::load(one + d), F32::load(scratch + d)).store(scratch + d);
    }
    float* to = job.out + row_offset(job.shape, group, r, job.ldo);
    const float factor = 1.0f / sum;
    for (std::size_t d = 0; d < dim; ++d) to[d] = scratch[d] * factor;
  }
}
