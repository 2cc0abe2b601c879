#pragma once

#include <cstddef>
#include <cstdint>

namespace libquant::kernels {

/// How packed codes become weights; the same three grids as libquant/quant/scheme.h.
enum class PackedZero : std::uint8_t {
  symmetric,  ///< w = scale * (code - 2^(bits-1))
  integer,    ///< w = scale * (code - zero), one zero in [0, 255] per group
  minimum,    ///< w = scale * code + minimum, one float per group (Q4_1)
};

/// Type of the stored scales and minimums.
enum class PackedScale : std::uint8_t { f16, bf16, f32 };

/// Rows (outputs) of a panel: one 32-bit lane of a 64-byte line belongs to each.
constexpr std::size_t kPanelRows = 16;
/// Columns (inputs) of a block of codes; rows are padded to whole blocks.
constexpr std::size_t kBlockColumns = 32;
constexpr std::size_t kLineBytes = 64;

/// What a packed matrix W[rows x cols] looks like, and the only description of its bytes.
///
/// The matrix is a sequence of panels of 16 rows, `panel_bytes()` apart, each of them
///
///     scales      [groups][16]      2 or 4 bytes each
///     zeros       [groups][16]      1 byte each        (integer zeros only)
///     minimums    [groups][16]      as the scales      (minimums only)
///     padding to a multiple of 64 bytes
///     codes       [blocks][stored_bits()][64]
///
/// A block holds the codes of 32 columns in `stored_bits()` lines of 64 bytes. A line has four
/// bytes for every row, at 4 * row; byte j of the four belongs to the columns j, j + 4, j + 8, ...
/// of the block. In the following c(s) is the code of column 4 * s + j, s = 0..7, "|" joins
/// bit fields from the lowest bit up, and every line is one such byte per row and j.
///
///     8 bits, line i = 0..7     c(i)
///     4 bits, line i = 0..3     c(2i):4 | c(2i+1):4
///     2 bits, line i = 0..1     c(4i):2 | c(4i+1):2 | c(4i+2):2 | c(4i+3):2
///     3 bits, line i = 0..2     c(2i):3 | c(2i+1):3 | r(i):2
///             r(0) = low two bits of c(6), r(1) = low two bits of c(7),
///             r(2) = high bit of c(6) | high bit of c(7)
///
/// Codes of 5 and 6 bits are stored in 8. Rows and columns beyond the matrix have code 0; rows
/// beyond it have scale, zero and minimum 0. The layout is the same for every instruction set.
struct PackedFormat {
  std::size_t rows = 0;
  std::size_t cols = 0;
  int bits = 4;           ///< 2, 3, 4, 5, 6 or 8
  std::size_t group = 0;  ///< columns of a group: a multiple of 32 that divides `cols`; 0 = all
  PackedZero zero = PackedZero::symmetric;
  PackedScale scale = PackedScale::f16;

  constexpr int stored_bits() const noexcept { return bits == 5 || bits == 6 ? 8 : bits; }
  constexpr int symmetric_zero() const noexcept { return 1 << (bits - 1); }
  constexpr std::size_t groups() const noexcept { return group == 0 ? 1 : cols / group; }
  constexpr std::size_t panels() const noexcept { return (rows + kPanelRows - 1) / kPanelRows; }
  constexpr std::size_t blocks() const noexcept {
    return (cols + kBlockColumns - 1) / kBlockColumns;
  }
  constexpr std::size_t padded_cols() const noexcept { return blocks() * kBlockColumns; }
  constexpr std::size_t scale_bytes() const noexcept { return scale == PackedScale::f32 ? 4 : 2; }

  // Offsets within a panel.
  constexpr std::size_t zeros_offset() const noexcept {
    return groups() * kPanelRows * scale_bytes();
  }
  constexpr std::size_t codes_offset() const noexcept {
    const std::size_t each = zero == PackedZero::integer   ? 1
                             : zero == PackedZero::minimum ? scale_bytes()
                                                           : 0;
    const std::size_t end = zeros_offset() + groups() * kPanelRows * each;
    return (end + kLineBytes - 1) / kLineBytes * kLineBytes;
  }
  constexpr std::size_t block_bytes() const noexcept {
    return static_cast<std::size_t>(stored_bits()) * kLineBytes;
  }
  constexpr std::size_t panel_bytes() const noexcept {
    return codes_offset() + blocks() * block_bytes();
  }
  /// Size of the whole packed matrix.
  constexpr std::size_t bytes() const noexcept { return panels() * panel_bytes(); }
};

/// Whether the packed kernels can run this format: known bits, and a group that is 0 or a multiple
/// of 32 that divides `cols`.
constexpr bool can_pack(const PackedFormat& format) noexcept {
  const int bits = format.bits;
  const bool known = bits >= 2 && bits <= 8 && bits != 7;
  return known && (format.group == 0 ||
                   (format.group % kBlockColumns == 0 && format.cols % format.group == 0));
}

}  // namespace libquant::kernels
