// How packed codes become bytes of a vector, four for every row; see kernels/layouts.h. Compiled
// once per instruction set inside an anonymous namespace. No include guard on purpose; include
// nothing here.

constexpr std::size_t kPanelVecs = kPanelRows / Words::kLanes;
constexpr std::size_t kVecBytes = kLineBytes / kPanelVecs;

template <int kValue>
struct Constant {
  static constexpr int value = kValue;
};

// f(Constant<0>) ... f(Constant<7>): the eight steps of a block, four columns each.
template <typename F>
LIBQUANT_INLINE void for_steps(F&& f) noexcept {
  f(Constant<0>{});
  f(Constant<1>{});
  f(Constant<2>{});
  f(Constant<3>{});
  f(Constant<4>{});
  f(Constant<5>{});
  f(Constant<6>{});
  f(Constant<7>{});
}

// Codes of step kStep, from a block's first line at the vector's rows.
template <int kBits, int kStep>
LIBQUANT_INLINE Bytes codes_at(const std::uint8_t* block) noexcept {
  const auto line = [block](std::size_t i)
                        LIBQUANT_LAMBDA { return Bytes::load(block + i * kLineBytes); };
  if constexpr (kBits == 8) {
    return line(kStep);
  } else if constexpr (kBits == 3 && kStep >= 6) {
    const Bytes low = line(kStep - 6).template right<6>();
    const Bytes high = line(2).template right < kStep == 6 ? 4 : 5 > ();
    return Bytes::select(Bytes::fill(3), low, high) & Bytes::fill(7);
  } else if constexpr (kBits == 3) {
    return line(kStep / 2).template right<kStep % 2 * 3>() & Bytes::fill(7);
  } else {
    constexpr int kPerByte = 8 / kBits;
    return line(kStep / kPerByte).template right<kStep % kPerByte * kBits>() &
           Bytes::fill((1 << kBits) - 1);
  }
}

// Scales or minimums in the rows of vector `v`; those of the group begin at `group_row`.
LIBQUANT_INLINE F32 load_reals(PackedScale type, const unsigned char* from, std::size_t group_row,
                               std::size_t v) noexcept {
  const std::size_t i = group_row + v * Words::kLanes;
  const auto* half = reinterpret_cast<const std::uint16_t*>(from) + i;
  if (__builtin_expect(type == PackedScale::f16, 1)) return F32::from_f16(half);
  if (type == PackedScale::bf16) return F32::from_bf16(half);
  return F32::load(reinterpret_cast<const float*>(from) + i);
}
