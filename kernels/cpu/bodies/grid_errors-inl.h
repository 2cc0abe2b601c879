// Squared errors of one group under many grids at once, a grid per lane. No include guard on
// purpose; include nothing here.

// Candidates [k, k + kVecs * kLanes), those beyond grids.count as grids of zero steps.
template <std::size_t kVecs>
inline void grid_errors_of(std::size_t count, const double* values, const double* weights,
                           const GridCandidates& grids, std::size_t k, double* errors) noexcept {
  F64 scale[kVecs], inverse[kVecs], offset[kVecs], sum[kVecs];
  std::size_t lanes[kVecs];
  LIBQUANT_UNROLL
  for (std::size_t v = 0; v < kVecs; ++v) {
    const std::size_t first = k + v * F64::kLanes;
    const std::size_t rest = grids.count > first ? grids.count - first : 0;
    lanes[v] = rest < F64::kLanes ? rest : F64::kLanes;
    const std::size_t from = rest > 0 ? first : 0;
    scale[v] = F64::load_first(grids.scale + from, lanes[v]);
    inverse[v] = F64::load_first(grids.inverse + from, lanes[v]);
    offset[v] = F64::load_first(grids.offset + from, lanes[v]);
    sum[v] = F64::zero();
  }
  // Adding and taking away 1.5 * 2^52 rounds to the nearest integer, ties to even.
  const F64 shift = F64::broadcast(0x1.8p52), most = F64::broadcast(grids.max_code);
  for (std::size_t i = 0; i < count; ++i) {
    const F64 value = F64::broadcast(values[i]);
    const F64 weight = F64::broadcast(weights != nullptr ? weights[i] : 1.0);
    LIBQUANT_UNROLL
    for (std::size_t v = 0; v < kVecs; ++v) {
      const F64 steps = F64::max(F64::min((value - offset[v]) * inverse[v], most), F64::zero());
      const F64 code = (steps + shift) - shift;
      const F64 miss = F64::fma(scale[v], code, offset[v] - value);
      sum[v] = F64::fma(weight * miss, miss, sum[v]);
    }
  }
  LIBQUANT_UNROLL
  for (std::size_t v = 0; v < kVecs; ++v)
    if (lanes[v] > 0) sum[v].store_first(errors + k + v * F64::kLanes, lanes[v]);
}

inline void grid_errors(std::size_t count, const double* values, const double* weights,
                        const GridCandidates& grids, double* errors) noexcept {
  std::size_t k = 0;
  for (; k + 2 * F64::kLanes < grids.count; k += 3 * F64::kLanes)
    grid_errors_of<3>(count, values, weights, grids, k, errors);
  for (; k < grids.count; k += F64::kLanes)
    grid_errors_of<1>(count, values, weights, grids, k, errors);
}

inline GridSums grid_sums(std::size_t count, const double* values, const double* weights,
                          double scale, double offset, double max_code, double zero) noexcept {
  alignas(64) static constexpr double kOnes[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  static_assert(F64::kLanes <= 8);
  const F64 shift = F64::broadcast(0x1.8p52), most = F64::broadcast(max_code);
  const F64 s = F64::broadcast(scale), o = F64::broadcast(offset), z = F64::broadcast(zero);
  const F64 inverse = F64::broadcast(1 / scale);
  F64 error = F64::zero(), w = error, wq = error, wqq = error, wv = error, wqv = error;
  const auto add = [&](F64 v, F64 weight) noexcept {
    const F64 steps = F64::max(F64::min((v - o) * inverse, most), F64::zero());
    const F64 code = (steps + shift) - shift;
    const F64 miss = F64::fma(s, code, o - v);
    const F64 q = code - z, weighted = weight * q;
    error = F64::fma(weight * miss, miss, error);
    w = w + weight;
    wq = wq + weighted;
    wqq = F64::fma(weighted, q, wqq);
    wv = F64::fma(weight, v, wv);
    wqv = F64::fma(weighted, v, wqv);
  };
  std::size_t i = 0;
  for (; i + F64::kLanes <= count; i += F64::kLanes)
    add(F64::load(values + i), F64::load(weights != nullptr ? weights + i : kOnes));
  if (i < count)  // lanes behind the last value weigh nothing
    add(F64::load_first(values + i, count - i),
        F64::load_first(weights != nullptr ? weights + i : kOnes, count - i));
  return {error.sum(), w.sum(), wq.sum(), wqq.sum(), wv.sum(), wqv.sum()};
}
