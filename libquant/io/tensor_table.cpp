#include "libquant/io/tensor_table.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "libquant/core/error.h"
#include "libquant/io/text.h"

namespace libquant {

std::optional<std::size_t> tensor_bytes(DType type, std::span<const std::size_t> shape) noexcept {
  const DTypeTraits& facts = traits(type);
  const std::size_t cols = shape.empty() ? 1 : shape.back();
  if (cols % facts.block_elements != 0) return std::nullopt;
  // Zero extents are left out, so that no part of the shape can overflow either.
  constexpr std::size_t kMax = std::numeric_limits<std::size_t>::max();
  std::size_t elements = 1;
  bool empty = false;
  for (const std::size_t extent : shape) {
    empty = empty || extent == 0;
    if (elements > kMax / std::max<std::size_t>(extent, 1)) return std::nullopt;
    elements *= std::max<std::size_t>(extent, 1);
  }
  if (elements / facts.block_elements > kMax / facts.block_bytes) return std::nullopt;
  return empty ? 0 : elements / facts.block_elements * facts.block_bytes;
}

std::vector<std::size_t> order_by_name(const std::vector<StoredTensor>& tensors) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return tensors[a].name < tensors[b].name; });
  return order;
}

const StoredTensor* find_by_name(const std::vector<StoredTensor>& tensors,
                                 std::span<const std::size_t> order,
                                 std::string_view name) noexcept {
  const auto at = std::lower_bound(
      order.begin(), order.end(), name,
      [&](std::size_t i, std::string_view wanted) { return tensors[i].name < wanted; });
  return at != order.end() && tensors[*at].name == name ? &tensors[*at] : nullptr;
}

void require_unique_names(const std::vector<StoredTensor>& tensors,
                          std::span<const std::size_t> order, std::string_view source) {
  for (std::size_t i = 1; i < order.size(); ++i)
    require<FormatError>(tensors[order[i]].name != tensors[order[i - 1]].name,
                         "{}: tensor {} occurs twice", source, printable(tensors[order[i]].name));
}

}  // namespace libquant
