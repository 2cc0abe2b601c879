#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "libquant/core/dtype.h"
#include "libquant/quant/quantized_matrix.h"
#include "libquant/quant/scheme.h"

namespace libquant {

/// The grid of a GGUF block type that is one of libquant's own: Q4_0 and Q8_0 symmetric, Q4_1 with
/// a float minimum, groups of 32, f16. Empty for the other types.
std::optional<Scheme> scheme_of_blocks(DType type);

/// Codes and parameters of one stored row; `row` of `matrix` must exist and have the scheme above.
void unpack_blocks(DType type, std::span<const std::byte> stored, QuantizedMatrix& matrix,
                   std::size_t row);

/// The block type that holds a scheme, group sizes that are multiples of 32 included (their
/// parameters are repeated in every block); empty when there is none.
std::optional<DType> block_type_of(const Scheme& scheme, std::size_t cols);

/// Row `row` as blocks; `stored` must have its exact size. Bit-exact: no value changes.
void pack_blocks(const QuantizedMatrix& matrix, std::size_t row, DType type,
                 std::span<std::byte> stored);

}  // namespace libquant
