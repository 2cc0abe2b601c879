#pragma once

#include <algorithm>
#include <cstddef>

namespace libquant {

/// Rows are independent in every layer-wise method, so they are worked on in strips that bound the
/// double-precision copies of W. The height depends on the shape only: it is part of what decides
/// the bytes of a result.
inline std::size_t strip_rows(std::size_t rows, std::size_t cols) noexcept {
  constexpr std::size_t kStripValues = std::size_t{1} << 22;  // 32 MB of doubles
  constexpr std::size_t kLeastRows = 128;                     // keeps the matrix products efficient
  return std::min(rows, std::max(kStripValues / std::max<std::size_t>(cols, 1), kLeastRows));
}

/// Calls body(first row, rows) for each strip in order.
template <typename Body>
void for_each_strip(std::size_t rows, std::size_t cols, Body&& body) {
  const std::size_t height = strip_rows(rows, cols);
  for (std::size_t begin = 0; begin < rows; begin += height)
    body(begin, std::min(height, rows - begin));
}

}  // namespace libquant
