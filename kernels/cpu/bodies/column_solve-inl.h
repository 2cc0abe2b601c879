// GPTQ's column loop, a row of W per lane. No include guard on purpose; include nothing here.

// Rows [row, row + kVecs * kLanes). A column takes in the errors of all earlier ones when its turn
// comes: sums stay in registers, and nothing but errors is written.
template <std::size_t kVecs>
inline void solve_lanes(const ColumnSolve& job, std::size_t row) noexcept {
  // Adding and taking away 1.5 * 2^52 rounds to the nearest integer, ties to even.
  const F64 shift = F64::broadcast(0x1.8p52), most = F64::broadcast(job.max_code);
  for (std::size_t i = 0; i < job.count; ++i) {
    double* const values = job.values + i * job.ld + row;
    double* const errors = job.errors + i * job.ld + row;
    const double* const upper = job.upper + i * job.ld_upper;
    F64 weight[kVecs];
    LIBQUANT_UNROLL
    for (std::size_t v = 0; v < kVecs; ++v) weight[v] = F64::load(values + v * F64::kLanes);
    const double* earlier = job.errors + row;
    for (std::size_t j = 0; j < i; ++j, earlier += job.ld) {
      const F64 u = F64::broadcast(upper[j]);
      LIBQUANT_UNROLL
      for (std::size_t v = 0; v < kVecs; ++v)
        weight[v] = F64::fma(F64::load(earlier + v * F64::kLanes), u, weight[v]);
    }
    const F64 price = F64::broadcast(job.inverse_diagonal[i]);
    LIBQUANT_UNROLL
    for (std::size_t v = 0; v < kVecs; ++v) {
      const std::size_t at = i * job.grid_step + row + v * F64::kLanes;
      const F64 offset = F64::load(job.offset + at);
      const F64 steps = (weight[v] - offset) * F64::load(job.inverse + at);
      // The bound comes second in min: a NaN becomes a code too.
      const F64 code = (F64::max(F64::min(steps, most), F64::zero()) + shift) - shift;
      code.store(values + v * F64::kLanes);
      const F64 value = F64::fma(F64::load(job.scale + at), code, offset);
      ((value - weight[v]) * price).store(errors + v * F64::kLanes);
    }
  }
}

inline void solve_columns(const ColumnSolve& job) noexcept {
  constexpr std::size_t kVecs = 6;
  static_assert(kSolveRows % (kVecs * F64::kLanes) == 0);
  for (std::size_t row = 0; row < kSolveRows; row += kVecs * F64::kLanes)
    solve_lanes<kVecs>(job, row);
}
