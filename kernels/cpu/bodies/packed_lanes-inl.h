// Tiles of the instruction sets whose products work on single rows: codes expand to the lines of
// 8-bit ones. No include guard on purpose; include nothing here.

template <int kBits>
using TileMultiplier = LaneMultiplier<kBits, Codes::expanded>;

template <int kBits>
constexpr bool kExpands = kBits != 8;

template <int kBits, std::size_t kPanels, std::size_t kColumns>
void multiply_first(const PackedJob& job) noexcept {
  constexpr Codes kCodes = kExpands<kBits> ? Codes::expanding : Codes::expanded;
  multiply_blocks<LaneMultiplier<kBits, kCodes>, kPanels, kColumns>(job);
}
