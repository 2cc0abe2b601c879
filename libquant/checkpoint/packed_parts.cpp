#include "libquant/checkpoint/packed_parts.h"

#include <algorithm>
#include <cstdint>

#include "libquant/core/error.h"
#include "libquant/io/bytes.h"

namespace libquant {
namespace {

std::string type_list(const std::vector<DType>& types) {
  std::string text;
  for (const DType type : types)
    text += (text.empty() ? "" : " or ") + std::string(to_string(type));
  return text;
}

}  // namespace

std::string PackedParts::name(std::string_view suffix) const {
  return fmt::format("{}.{}", module_, suffix);
}

const StoredTensor* PackedParts::find(std::string_view suffix) const {
  const StoredPart* part = folder_.find(name(suffix));
  return part == nullptr ? nullptr : part->tensor;
}

const StoredTensor& PackedParts::take(std::string_view suffix, const std::vector<DType>& types,
                                      const std::vector<std::size_t>& shape) {
  const std::string full = name(suffix);
  const StoredPart* part = folder_.find(full);
  require<FormatError>(part != nullptr, "{}: missing tensor {}", folder_.path().string(), full);
  const StoredTensor& tensor = *part->tensor;
  const std::string file = part->file->path().string();
  require<FormatError>(std::find(types.begin(), types.end(), tensor.dtype) != types.end(),
                       "{}: tensor {} is {}, expected {}", file, full, to_string(tensor.dtype),
                       type_list(types));
  require<FormatError>(tensor.shape == shape, "{}: tensor {} has shape [{}], expected [{}]", file,
                       full, fmt::join(tensor.shape, ", "), fmt::join(shape, ", "));
  parts_.push_back(*part);
  used_.insert(full);
  return tensor;
}

const StoredTensor& PackedParts::take_scales(std::string_view suffix,
                                             const std::vector<std::size_t>& shape) {
  return take(suffix, {DType::f16, DType::bf16, DType::f32}, shape);
}

std::vector<std::uint32_t> PackedParts::take_group_index(std::string_view suffix, std::size_t cols,
                                                         const Scheme& scheme) {
  if (!has(suffix)) return {};
  const StoredTensor& tensor = take(suffix, {DType::i32}, {cols});
  const std::size_t groups = scheme.groups(cols);
  std::vector<std::uint32_t> group_of(cols);
  bool standard = true, unset = true;
  for (std::size_t c = 0; c < cols; ++c) {
    const auto group = load<std::int32_t>(tensor.bytes.data() + c * sizeof(std::int32_t));
    unset = unset && group == -1;  // compressed-tensors' "not initialised"
    if (unset) continue;
    require<FormatError>(group >= 0 && static_cast<std::size_t>(group) < groups,
                         "{}: column {} is in group {}, there are {}", name(suffix), c, group,
                         groups);
    group_of[c] = static_cast<std::uint32_t>(group);
    standard = standard && group_of[c] == c / scheme.columns_per_group(cols);
  }
  if (unset || standard) group_of.clear();
  return group_of;
}

ScaleType scale_type_of(DType type) {
  if (type == DType::f16) return ScaleType::f16;
  if (type == DType::bf16) return ScaleType::bf16;
  require(type == DType::f32, "{} is no type for scales", to_string(type));
  return ScaleType::f32;
}

DType dtype_of(ScaleType type) noexcept {
  if (type == ScaleType::f16) return DType::f16;
  return type == ScaleType::bf16 ? DType::bf16 : DType::f32;
}

void check_packed_scheme(const Scheme& scheme, std::size_t cols, std::string_view where) {
  constexpr int kBits[] = {2, 3, 4, 5, 6, 8};
  require<NotSupported>(std::count(std::begin(kBits), std::end(kBits), scheme.bits) == 1,
                        "{}: {} bits; libquant reads 2, 3, 4, 5, 6 and 8", where, scheme.bits);
  constexpr std::size_t kGroups[] = {0, 32, 64, 128};
  require<NotSupported>(std::count(std::begin(kGroups), std::end(kGroups), scheme.group_size) == 1,
                        "{}: groups of {}; libquant reads 32, 64, 128 and whole rows", where,
                        scheme.group_size);
  require<FormatError>(cols % scheme.columns_per_group(cols) == 0,
                       "{}: groups of {} do not divide {} columns", where, scheme.group_size, cols);
}

}  // namespace libquant
