// Attention of many rows, flash style (Dao et al. 2022): scores of kAttentionKeys keys at a time,
// online softmax. Scores are kept transposed, one key per line and one row per lane, so that
// softmax needs no horizontal sums and the lines are the left operand of the product with V as they
// stand. No include guard on purpose; include nothing here.

constexpr float kLog2E = 0x1.715476p+0f;
constexpr float kLowest = -0x1.fffffep+127f;

inline std::size_t padded_dim(const AttentionJob& job) noexcept {
  return (job.shape.head_dim + F32::kLanes - 1) / F32::kLanes * F32::kLanes;
}

// Keys that row `row` sees: [begin, end).
struct VisibleKeys {
  std::size_t begin, end;
};
inline VisibleKeys visible_keys(const AttentionShape& shape, std::size_t row) noexcept {
  const std::size_t query = row / (shape.heads / shape.kv_heads);
  const std::size_t end = shape.keys - shape.queries + query + 1;
  return {shape.window > 0 && end > shape.window ? end - shape.window : 0, end};
}

inline std::size_t row_offset(const AttentionShape& shape, std::size_t group, std::size_t row,
                              std::size_t ld) noexcept {
  const std::size_t share = shape.heads / shape.kv_heads;
  return row / share * ld + (group * share + row % share) * shape.head_dim;
}

constexpr std::size_t kRowVecs = F32::kTileVecs;
constexpr std::size_t kRowLanes = kRowVecs * F32::kLanes;

struct AttentionState {
  F32 highest[kRowVecs];
  F32 sum[kRowVecs];
  F32 begin[kRowVecs];
  F32 end[kRowVecs];
};

// Queries scaled for 2^x, as one right panel: to[d * kRowLanes + row].
inline void pack_queries(const AttentionJob& job, std::size_t group, std::size_t first,
                         std::size_t count, float* rows, float* to) noexcept {
  const std::size_t dim = job.shape.head_dim;
  const float scale = job.shape.scale * kLog2E;
  for (std::size_t r = 0; r < count; ++r) {
    const float* from = job.q + row_offset(job.shape, group, first + r, job.ldq);
    for (std::size_t d = 0; d < dim; ++d) rows[r * dim + d] = from[d] * scale;
  }
  pack_panel<F32, kRowLanes>(rows, static_cast<std::ptrdiff_t>(dim), 1, count, dim, to);
}

inline void hide_keys(const AttentionState& state, std::size_t vecs, std::size_t key,
                      std::size_t keys, float* scores) noexcept {
  const F32 hidden = F32::broadcast(-__builtin_inff());
  for (std::size_t j = 0; j < keys; ++j) {
    const F32 at = F32::broadcast(static_cast<float>(key + j));
    for (std::size_t i = 0; i < vecs; ++i) {
      float* line = scores + j * kRowLanes + i * F32::kLanes;
      const F32 early = F32::select_less(at, state.end[i], F32::load(line), hidden);
      F32::select_less(at, state.begin[i], hidden, early).store(line);
    }
  }
}

// Scores become weights; `keep` receives what the earlier sums and outputs are multiplied by.
inline void soften(AttentionState& state, std::size_t vecs, std::size_t keys, float* scores,
                   float* keep) noexcept {
  for (std::size_t i = 0; i < vecs; ++i) {
    float* column = scores + i * F32::kLanes;
    F32 highest = state.highest[i];
    for (std::size_t j = 0; j < keys; ++j)
      highest = F32::max(highest, F32::load(column + j * kRowLanes));
    const F32 factor = exp2_f32(state.highest[i] - highest);
    F32 sum = F32::zero();
    for (std::size_t j = 0; j < keys; ++j) {
      const F32 weight = exp2_f32(F32::load(column + j * kRowLanes) - highest);
      weight.store(column + j * kRowLanes);
      sum = sum + weight;
    }
    state.highest[i] = highest;
    state.sum[i] = F32::fma(state.sum[i], factor, sum);
    factor.store(keep + i * F32::kLanes);
  }
}

// Columns of a product with V: as even as whole vectors allow, at most kTileVecs wide.
inline std::size_t even_columns(std::size_t padded) noexcept {
  const std::size_t vecs = padded / F32::kLanes;
  const std::size_t panels = (vecs + F32::kTileVecs - 1) / F32::kTileVecs;
  return (vecs + panels - 1) / panels * F32::kLanes;
}

inline void rescale(std::size_t count, std::size_t padded, const float* keep, float* out) noexcept {
  for (std::size_t r = 0; r < count; ++r) {
    if (keep[r] == 1.0f) continue;
    const F32 factor = F32::broadcast(keep[r]);
    for (std::size_t d = 0; d < padded; d += F32::kLanes)
      (F32::load(out + r * padded + d) * factor).store(out + r * padded + d);
  }
}

inline void score_keys(std::size_t dim, std::size_t keys, std::size_t vecs, const float* panels,
                       const float* queries, float* scores) noexcept {
  using Tiles = GemmTiles<F32>;
  for (std::size_t j = 0; j < keys; j += Tiles::kRows, panels += dim * Tiles::kRows) {
    kGemmTiles<F32>.at[Tiles::kRows - 1][vecs - 1](dim, panels, Tiles::kRows, queries, kRowLanes,
                                                   queries, false, vecs * F32::kLanes,
                                                   scores + j * kRowLanes, kRowLanes);
  }
}

inline void add_values(std::size_t count, std::size_t keys, std::size_t padded,
                       const float* weights, const float* values, float* out) noexcept {
  using Tiles = GemmTiles<F32>;
  const std::size_t step = even_columns(padded);
  for (std::size_t d = 0; d < padded; d += step) {
    const std::size_t wide = padded - d < step ? padded - d : step;
    for (std::size_t r = 0; r < count; r += Tiles::kRows) {
      const std::size_t high = count - r < Tiles::kRows ? count - r : Tiles::kRows;
      kGemmTiles<F32>.at[high - 1][wide / F32::kLanes - 1](keys, weights + r, kRowLanes, values + d,
                                                           padded, values + d, true, wide,
                                                           out + r * padded + d, padded);
    }
  }
}

inline void write_rows(const AttentionJob& job, std::size_t group, std::size_t first,
                       std::size_t count, const AttentionState& state, const float* from) noexcept {
  const std::size_t dim = job.shape.head_dim, padded = padded_dim(job);
  alignas(64) float sums[kRowLanes];
  for (std::size_t i = 0; i < kRowVecs; ++i) state.sum[i].store(sums + i * F32::kLanes);
  for (std::size_t r = 0; r < count; ++r) {
    float* to = job.out + row_offset(job.shape, group, first + r, job.ldo);
    const F32 factor = F32::broadcast(1.0f / sums[r]);
    std::size_t d = 0;
    for (; d + F32::kLanes <= dim; d += F32::kLanes)
      (F32::load(from + r * padded + d) * factor).store(to + d);
    if (d < dim) (F32::load(from + r * padded + d) * factor).store_first(to + d, dim - d);
  }
}

inline AttentionState initial_state(const AttentionShape& shape, std::size_t first,
                                    std::size_t count) noexcept {
  alignas(64) float begin[kRowLanes], end[kRowLanes];
  for (std::size_t r = 0; r < kRowLanes; ++r) {
    const VisibleKeys seen = visible_keys(shape, first + (r < count ? r : count - 1));
    begin[r] = static_cast<float>(seen.begin);
    end[r] = static_cast<float>(seen.end);
  }
  AttentionState state;
  for (std::size_t i = 0; i < kRowVecs; ++i) {
    // The lowest finite number instead of -inf: a row may see none of the first block's keys, and
    // -inf - -inf would make it NaN.
    state.highest[i] = F32::broadcast(kLowest);
    state.sum[i] = F32::zero();
    state.begin[i] = F32::load(begin + i * F32::kLanes);
    state.end[i] = F32::load(end + i * F32::kLanes);
  }
  return state;
}

// Scratch: queries as rows and as a panel (2 * head_dim * kRowLanes, at least), scores
// (kAttentionKeys * kRowLanes), output rows (padded head_dim * kRowLanes).
inline void attention_rows(const AttentionJob& job, std::size_t group, std::size_t first,
                           std::size_t count, const float* keys, const float* values,
                           float* scratch) noexcept {
  using Tiles = GemmTiles<F32>;
  const std::size_t dim = job.shape.head_dim, padded = padded_dim(job);
  float* queries = scratch;
  float* scores = queries + padded * kRowLanes;
  float* out = scores + kAttentionKeys * kRowLanes;
  pack_queries(job, group, first, count, out, queries);
  for (std::size_t i = 0; i < count * padded; i += F32::kLanes) F32::zero().store(out + i);
  AttentionState state = initial_state(job.shape, first, count);
  const VisibleKeys low = visible_keys(job.shape, first);
  const VisibleKeys high = visible_keys(job.shape, first + count - 1);
  const std::size_t vecs = (count + F32::kLanes - 1) / F32::kLanes;
  alignas(64) float keep[kRowLanes];
  for (std::size_t key = low.begin / Tiles::kRows * Tiles::kRows; key < high.end;
       key += kAttentionKeys) {
    const std::size_t some = high.end - key < kAttentionKeys ? high.end - key : kAttentionKeys;
    score_keys(dim, some, vecs, keys + key * dim, queries, scores);
    if (key + some > low.end || key < high.begin) hide_keys(state, vecs, key, some, scores);
    soften(state, vecs, some, scores, keep);
    rescale(count, padded, keep, out);
    add_values(count, some, padded, scores, values + key * padded, out);
  }
  write_rows(job, group, first, count, state, out);
}
