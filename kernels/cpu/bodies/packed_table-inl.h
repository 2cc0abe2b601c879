// The PackedTable of the instruction set whose vector types and bodies precede. No include guard on
// purpose; include nothing here.

// Tile sizes: `Tiles` of the instruction set says how many columns and panels its registers hold.
template <int kBits, std::size_t kColumns>
constexpr void fill_stream(PackedTable& table) {
  constexpr std::size_t kPanels = Tiles::stream_panels(kColumns);
  table.stream_panels[kColumns - 1] = kPanels;
  table.stream[bits_index(kBits)][kColumns - 1] =
      multiply_blocks<LaneMultiplier<kBits, Codes::packed>, kPanels, kColumns>;
  if constexpr (kColumns < Tiles::kStreamColumns) fill_stream<kBits, kColumns + 1>(table);
}

template <std::size_t kColumns>
constexpr void fill_tile(PackedTable& table) {
  table.tile[0][kColumns - 1] = multiply_blocks<TileMultiplier<4>, Tiles::kPanels, kColumns>;
  table.tile[1][kColumns - 1] = multiply_blocks<TileMultiplier<8>, Tiles::kPanels, kColumns>;
  if constexpr (kColumns < Tiles::kColumns) fill_tile<kColumns + 1>(table);
}

template <int kBits, std::size_t kColumns>
constexpr void fill_first_tile(PackedTable& table) {
  table.first_tile[bits_index(kBits)][kColumns - 1] =
      multiply_first<kBits, Tiles::kPanels, kColumns>;
  if constexpr (kColumns < Tiles::kColumns) fill_first_tile<kBits, kColumns + 1>(table);
}

template <std::size_t kColumns>
constexpr void fill_exact(PackedTable& table) {
  table.exact[kColumns - 1] = multiply_exact<Tiles::kPanels, kColumns>;
  if constexpr (kColumns < Tiles::kExactColumns) fill_exact<kColumns + 1>(table);
}

template <int kBits>
constexpr void fill_bits(PackedTable& table) {
  fill_stream<kBits, 1>(table);
  table.dequantize[bits_index(kBits)] = dequantize_blocks<kBits>;
  fill_first_tile<kBits, 1>(table);
  table.expands[bits_index(kBits)] = kExpands<kBits>;
}

constexpr PackedTable make_packed_table(const char* name, bool (*usable)() noexcept) {
  PackedTable table{};
  table.name = name;
  table.supported = usable;
  table.stream_columns = Tiles::kStreamColumns;
  table.tile_columns = Tiles::kColumns;
  table.tile_panels = Tiles::kPanels;
  table.tile_depth = Tiles::kDepth;
  table.code_bias = Dot<8>::kBias;
  table.exact_columns = Tiles::kExactColumns;
  table.quantize = quantize_token;
  table.finish = finish_outputs;
  fill_bits<2>(table);
  fill_bits<3>(table);
  fill_bits<4>(table);
  fill_bits<8>(table);
  fill_tile<1>(table);
  fill_exact<1>(table);
  return table;
}
