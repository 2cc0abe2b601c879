// Tiles of the instruction sets whose products work on single rows: codes expand to the lines of
// 8-bit ones. No include guard on purpose; include nothing here.

template <int kBits>
using TileMultiplier = LaneMultiplier<kBits, true>;

template <int kBits>
constexpr auto expand_codes = kBits == 8 ? nullptr : expand_lines<kBits>;
