#pragma once

#include <cstddef>

namespace libquant::kernels {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

/// Zeroed memory of its own that begins at a huge page; where the system grants it, whole huge
/// pages of it are huge. On the heap, small objects would come to lie in them and hold on to them.
/// nullptr where there is no memory. For large arrays: each small page that is touched for the
/// first time costs as much as filling it, and panels that are read in long strides miss the TLB.
void* map_pages(std::size_t bytes) noexcept;
/// Gives back what `map_pages` gave for as many bytes.
void unmap_pages(void* data, std::size_t bytes) noexcept;

}  // namespace libquant::kernels
