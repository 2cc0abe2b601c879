// The KernelTable of the instruction set whose vector types and bodies precede. No include guard on
// purpose; include nothing here.

struct Blocking {
  std::size_t depth;
  std::size_t left_bytes;
};

template <typename V, typename Left>
constexpr GemmTable<typename V::Scalar> make_gemm(Blocking blocking) {
  constexpr std::size_t kCols = V::kTileVecs * V::kLanes;
  static_assert(kCols % V::kTileRows == 0 && V::kTileRows % Left::kLanes == 0);
  return {V::kTileRows,
          kCols,
          blocking.depth,
          blocking.left_bytes,
          pack_panel<Left, V::kTileRows>,
          pack_panel<V, kCols>,
          gemm_block<V>};
}

constexpr KernelTable make_table(const char* name, bool (*usable)() noexcept, Blocking f32,
                                 Blocking f64) {
  return {name,
          usable,
          make_gemm<F32, LeftF32>(f32),
          make_gemm<F64, LeftF64>(f64),
          linear_rows<F32>,
          syrk_block,
          F32::kLanes,
          attention_rows,
          attention_part,
          attention_merge,
          rms_norm,
          silu_mul,
          add,
          softmax,
          log_sum_exp,
          rope,
          f16_to_f32,
          bf16_to_f32,
          exp_all,
          grid_errors,
          grid_sums,
          solve_columns};
}
