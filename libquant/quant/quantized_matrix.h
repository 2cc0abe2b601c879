#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "libquant/core/matrix.h"
#include "libquant/quant/grid.h"
#include "libquant/quant/scheme.h"

namespace libquant {

/// A quantized W[rows x cols] (rows = outputs, cols = inputs) in the neutral form that every method
/// makes and every format is written from: one byte per code, group parameters beside it.
struct QuantizedMatrix {
  Scheme scheme;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<std::uint8_t> codes;  ///< [rows x cols], each <= scheme.max_code()
  std::vector<float> scales;        ///< [rows x groups], representable in scheme.scale_type
  std::vector<std::uint8_t> zeros;  ///< [rows x groups] for asymmetric, else empty
  std::vector<float> minimums;      ///< [rows x groups] for minimum, else empty
  std::vector<std::uint32_t>
      group_of;  ///< [cols], only for files with act-order (g_idx); else empty

  std::size_t groups() const noexcept { return scheme.groups(cols); }
  std::size_t group(std::size_t col) const noexcept {
    return group_of.empty() ? col / scheme.columns_per_group(cols) : group_of[col];
  }
  /// The value of one code of group `g` in row `r`:
  /// scale * code + offset, in double, rounded once to float.
  float value(std::size_t r, std::size_t g, std::uint8_t code) const noexcept;
  /// Value of code 0 of group `g` in row `r`: -scale * zero (exact), or the minimum.
  double offset(std::size_t r, std::size_t g) const noexcept;
  GroupParameters parameters(std::size_t r, std::size_t g) const noexcept;
  void set_parameters(std::size_t r, std::size_t g, const GroupParameters& parameters) noexcept;

  friend bool operator==(const QuantizedMatrix&, const QuantizedMatrix&) = default;
};

/// An all-zero-code matrix of the right sizes. Checks the scheme against `cols`.
QuantizedMatrix make_quantized(const Scheme& scheme, std::size_t rows, std::size_t cols);
/// Throws FormatError naming `tensor` unless sizes, codes, zeros and groups are consistent and
/// finite.
void check_quantized(const QuantizedMatrix& matrix, std::string_view tensor);
/// Rows [row_begin, row_begin + out.rows) as fp32.
void dequantize_rows(const QuantizedMatrix& matrix, std::size_t row_begin, MatrixView out);
Matrix dequantize(const QuantizedMatrix& matrix);

}  // namespace libquant
