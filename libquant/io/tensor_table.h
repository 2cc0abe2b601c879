#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "libquant/core/dtype.h"
#include "libquant/io/stored_tensor.h"

namespace libquant {

/// Bytes of a tensor, or empty where the last dimension is no multiple of the type's block or the
/// product of any dimensions, in elements or bytes, does not fit size_t (even beside a zero).
std::optional<std::size_t> tensor_bytes(DType type, std::span<const std::size_t> shape) noexcept;

/// Positions of `tensors` in the order of their names.
std::vector<std::size_t> order_by_name(const std::vector<StoredTensor>& tensors);

/// Binary search in what order_by_name() gave; nullptr when absent.
const StoredTensor* find_by_name(const std::vector<StoredTensor>& tensors,
                                 std::span<const std::size_t> order,
                                 std::string_view name) noexcept;

/// Throws FormatError naming the tensor when two have one name.
void require_unique_names(const std::vector<StoredTensor>& tensors,
                          std::span<const std::size_t> order, std::string_view source);

}  // namespace libquant
