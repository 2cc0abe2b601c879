#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/checkpoint/safetensors_folder.h"
#include "libquant/checkpoint/stored_checkpoint.h"
#include "libquant/quant/quantized_matrix.h"
#include "libquant/quant/scheme.h"

namespace libquant {

using UsedNames = std::set<std::string, std::less<>>;

/// Collects the stored tensors of one packed matrix and checks each; errors name file, tensor,
/// expected and found.
class PackedParts {
 public:
  PackedParts(const SafetensorsFolder& folder, std::string_view module, UsedNames& used)
      : folder_(folder), module_(module), used_(used) {}

  bool has(std::string_view suffix) const { return find(suffix) != nullptr; }
  const StoredTensor* find(std::string_view suffix) const;  ///< nullptr when absent
  /// The tensor `module`.`suffix`, of one of `types` and of `shape`.
  const StoredTensor& take(std::string_view suffix, const std::vector<DType>& types,
                           const std::vector<std::size_t>& shape);
  /// As take(), for scales: F16, BF16 or F32.
  const StoredTensor& take_scales(std::string_view suffix, const std::vector<std::size_t>& shape);
  /// `suffix` as group of each of `cols` columns; empty when it is absent, or contiguous groups.
  std::vector<std::uint32_t> take_group_index(std::string_view suffix, std::size_t cols,
                                              const Scheme& scheme);

  std::vector<StoredPart> parts() const { return parts_; }
  std::string name(std::string_view suffix) const;

 private:
  const SafetensorsFolder& folder_;
  std::string module_;
  UsedNames& used_;
  std::vector<StoredPart> parts_;
};

/// ScaleType of F16, BF16 and F32.
ScaleType scale_type_of(DType type);
DType dtype_of(ScaleType type) noexcept;

/// Throws NotSupported naming `where` unless libquant has the bits and the group, and FormatError
/// unless the group divides `cols`. `group` 0 is the whole row.
void check_packed_scheme(const Scheme& scheme, std::size_t cols, std::string_view where);

}  // namespace libquant
