// Products of four bytes per row by SDOT: codes of 8 bits are lowered by 128 to be signed.
template <int kBits>
struct Dot {
  using Sum = Words;
  static constexpr bool kDeferred = false;
  static constexpr int kBias = kBits == 8 ? 128 : 0;
  static Words add(Words sum, Bytes w, Bytes x) {
    return {vdotq_s32(sum.v, w.as_signed(), x.as_signed())};
  }
};
