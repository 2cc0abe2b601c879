#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/checkpoint/name_pattern.h"
#include "libquant/io/json.h"
#include "libquant/quant/scheme.h"

namespace libquant {

/// "quantization_config" of a GPTQ folder (the same content as quantize_config.json): bits, group
/// and symmetry of each module, with GPTQModel's "dynamic" overrides.
class GptqConfig {
 public:
  /// FormatError naming the key, NotSupported for other packings ("marlin", "gptq_p", ...).
  GptqConfig(const Json& json, std::string_view source);

  int version() const noexcept { return version_; }  ///< 1 stores zero - 1
  /// The scheme of a linear layer with f16 scales, empty when "dynamic" excludes it.
  std::optional<Scheme> scheme_of(std::string_view module) const;

 private:
  struct Override {
    NamePattern pattern;
    bool exclude = false;
    std::optional<int> bits;
    std::optional<std::size_t> group_size;
    std::optional<bool> symmetric;
  };
  void add_override(std::string_view key, const Json& json, const std::string& where);

  int version_ = 1;
  Scheme base_;
  bool lm_head_ = false;
  std::vector<Override> overrides_;
};

}  // namespace libquant
