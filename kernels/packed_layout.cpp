#include <cstring>

#include "kernels/half.h"
#include "kernels/packed_matmul.h"
#include "kernels/threads.h"

namespace libquant::kernels {
namespace {

// Bytes of one block for one row and one column % 4: line i at bytes[i].
struct Column {
  std::uint8_t bytes[8];
};

Column join(int stored_bits, const std::uint8_t (&c)[8]) noexcept {
  Column out{};
  const auto put = [&](std::size_t line, int value, int shift) noexcept {
    out.bytes[line] = static_cast<std::uint8_t>(out.bytes[line] | (value << shift));
  };
  if (stored_bits == 3) {
    for (std::size_t s = 0; s < 6; ++s) put(s / 2, c[s], s % 2 == 0 ? 0 : 3);
    put(0, c[6] & 3, 6);
    put(1, c[7] & 3, 6);
    put(2, c[6] >> 2, 6);
    put(2, c[7] >> 2, 7);
    return out;
  }
  const std::size_t per_byte = 8 / static_cast<std::size_t>(stored_bits);
  for (std::size_t s = 0; s < 8; ++s)
    put(s / per_byte, c[s], static_cast<int>(s % per_byte) * stored_bits);
  return out;
}

void split(int stored_bits, const Column& in, std::uint8_t (&c)[8]) noexcept {
  const auto take = [&](std::size_t line, int shift, int bits) noexcept {
    return static_cast<std::uint8_t>((in.bytes[line] >> shift) & ((1 << bits) - 1));
  };
  if (stored_bits == 3) {
    for (std::size_t s = 0; s < 6; ++s) c[s] = take(s / 2, s % 2 == 0 ? 0 : 3, 3);
    c[6] = static_cast<std::uint8_t>(take(0, 6, 2) | (take(2, 6, 1) << 2));
    c[7] = static_cast<std::uint8_t>(take(1, 6, 2) | (take(2, 7, 1) << 2));
    return;
  }
  const std::size_t per_byte = 8 / static_cast<std::size_t>(stored_bits);
  for (std::size_t s = 0; s < 8; ++s)
    c[s] = take(s / per_byte, static_cast<int>(s % per_byte) * stored_bits, stored_bits);
}

void store_real(PackedScale type, float value, unsigned char* to) noexcept {
  if (type == PackedScale::f32) {
    std::memcpy(to, &value, sizeof value);
    return;
  }
  const std::uint16_t bits = type == PackedScale::f16 ? f16_of_float(value) : bf16_of_float(value);
  std::memcpy(to, &bits, sizeof bits);
}

float load_real(PackedScale type, const unsigned char* from) noexcept {
  if (type == PackedScale::f32) {
    float value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  std::uint16_t bits;
  std::memcpy(&bits, from, sizeof bits);
  return type == PackedScale::f16 ? float_of_f16(bits) : float_of_bf16(bits);
}

void pack_parameters(const PackedFormat& f, const PackSource& source, std::size_t row,
                     std::size_t lane, unsigned char* panel) noexcept {
  const std::size_t groups = f.groups();
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t from = row * groups + g, to = g * kPanelRows + lane;
    store_real(f.scale, source.scales[from], panel + to * f.scale_bytes());
    unsigned char* second = panel + f.zeros_offset();
    if (f.zero == PackedZero::integer) second[to] = source.zeros[from];
    if (f.zero == PackedZero::minimum)
      store_real(f.scale, source.minimums[from], second + to * f.scale_bytes());
  }
}

void pack_codes(const PackedFormat& f, const std::uint8_t* codes, std::size_t lane,
                unsigned char* panel) noexcept {
  const auto lines = static_cast<std::size_t>(f.stored_bits());
  unsigned char* block = panel + f.codes_offset() + 4 * lane;
  for (std::size_t b = 0; b < f.blocks(); ++b, block += f.block_bytes()) {
    for (std::size_t j = 0; j < 4; ++j) {
      std::uint8_t c[8] = {};
      for (std::size_t s = 0; s < 8; ++s) {
        const std::size_t col = b * kBlockColumns + 4 * s + j;
        if (col < f.cols) c[s] = codes[col];
      }
      const Column column = join(f.stored_bits(), c);
      for (std::size_t i = 0; i < lines; ++i) block[i * kLineBytes + j] = column.bytes[i];
    }
  }
}

void unpack_codes(const PackedFormat& f, const unsigned char* panel, std::size_t lane,
                  std::uint8_t* codes) noexcept {
  const auto lines = static_cast<std::size_t>(f.stored_bits());
  const unsigned char* block = panel + f.codes_offset() + 4 * lane;
  for (std::size_t b = 0; b < f.blocks(); ++b, block += f.block_bytes()) {
    for (std::size_t j = 0; j < 4; ++j) {
      Column column{};
      for (std::size_t i = 0; i < lines; ++i) column.bytes[i] = block[i * kLineBytes + j];
      std::uint8_t c[8];
      split(f.stored_bits(), column, c);
      for (std::size_t s = 0; s < 8; ++s) {
        const std::size_t col = b * kBlockColumns + 4 * s + j;
        if (col < f.cols) codes[col] = c[s];
      }
    }
  }
}

}  // namespace

void pack(const PackedFormat& f, const PackSource& source, void* packed) noexcept {
  auto* bytes = static_cast<unsigned char*>(packed);
  parallel_for(f.panels(), 1, [&](std::size_t p) {
    unsigned char* panel = bytes + p * f.panel_bytes();
    std::memset(panel, 0, f.panel_bytes());
    for (std::size_t lane = 0; lane < kPanelRows && p * kPanelRows + lane < f.rows; ++lane) {
      const std::size_t row = p * kPanelRows + lane;
      pack_parameters(f, source, row, lane, panel);
      pack_codes(f, source.codes + row * f.cols, lane, panel);
    }
  });
}

void unpack(const PackedFormat& f, const void* packed, std::uint8_t* codes, float* scales,
            std::uint8_t* zeros, float* minimums) noexcept {
  const auto* bytes = static_cast<const unsigned char*>(packed);
  parallel_for(f.rows, kPanelRows, [&](std::size_t row) {
    const unsigned char* panel = bytes + row / kPanelRows * f.panel_bytes();
    const unsigned char* second = panel + f.zeros_offset();
    const std::size_t lane = row % kPanelRows, groups = f.groups();
    for (std::size_t g = 0; g < groups; ++g) {
      const std::size_t from = g * kPanelRows + lane, to = row * groups + g;
      scales[to] = load_real(f.scale, panel + from * f.scale_bytes());
      if (f.zero == PackedZero::integer) zeros[to] = second[from];
      if (f.zero == PackedZero::minimum)
        minimums[to] = load_real(f.scale, second + from * f.scale_bytes());
    }
    unpack_codes(f, panel, lane, codes + row * f.cols);
  });
}

}  // namespace libquant::kernels
