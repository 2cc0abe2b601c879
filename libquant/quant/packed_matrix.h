#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "libquant/core/matrix.h"
#include "libquant/quant/quantized_matrix.h"

namespace libquant {

/// What becomes of the inputs of a product with weights of few bits.
enum class Activations : std::uint8_t {
  exact,  ///< fp32 times the dequantized weight, summed in fp32
  int8,   ///< where weights are codes: rounded to 8 bits per group of columns, to 15 bits where
          ///< there are at most two rows; else exact
  bf16,   ///< where weights are bfloat16: rounded to that; else exact
};
std::string_view to_string(Activations activations) noexcept;
/// InvalidArgument naming the known ones.
Activations activations_from(std::string_view name);

/// A quantized matrix in the layout that the packed kernels multiply with, never expanded as a
/// whole: about scheme.bits per weight and the parameters of the groups. Immutable; const methods
/// are safe from many threads, but already use all of them.
class PackedMatrix {
 public:
  /// Whether the kernels can hold a matrix: every scheme, as long as each group has as many columns
  /// as the others where the columns are not in the order of their groups (act-order files).
  static bool can_hold(const QuantizedMatrix& matrix);

  /// InvalidArgument unless can_hold(matrix). The matrix must be consistent (check_quantized).
  explicit PackedMatrix(const QuantizedMatrix& matrix);
  PackedMatrix(PackedMatrix&&) noexcept;
  PackedMatrix& operator=(PackedMatrix&&) noexcept;
  ~PackedMatrix();

  std::size_t rows() const noexcept;
  std::size_t cols() const noexcept;
  /// Memory that it takes.
  std::size_t bytes() const noexcept;
  /// Bits of a stored code: 8 for 5 and 6 bits, else the scheme's.
  int stored_bits() const noexcept;

  /// y[x.rows x rows] = x W^T + bias (+ y where `accumulate`); `bias` is empty or [rows]. The same
  /// bytes at any number of threads; of exact products of 1024 rows and more sums run in another
  /// order than of fewer (dense products of weights widened 4 MB at a time). InvalidArgument for
  /// sizes that do not fit.
  void multiply(ConstMatrixView x, MatrixView y, Activations activations = Activations::exact,
                std::span<const float> bias = {}, bool accumulate = false) const;
  /// Row `r` as fp32: the values of dequantize().
  void copy_row(std::size_t r, std::span<float> out) const;

 private:
  struct Packed;
  std::unique_ptr<const Packed> packed_;
};

}  // namespace libquant
