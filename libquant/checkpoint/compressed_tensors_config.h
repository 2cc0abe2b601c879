#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/checkpoint/name_pattern.h"
#include "libquant/io/json.h"
#include "libquant/quant/scheme.h"

namespace libquant {

/// "quantization_config" of a compressed-tensors folder: which module has which scheme. Module
/// names and patterns decide before the class "Linear", as in compressed_tensors.utils.match.
class CompressedTensorsConfig {
 public:
  /// FormatError naming the key, NotSupported for everything but weight-only integers in the format
  /// pack-quantized.
  CompressedTensorsConfig(const Json& json, std::string_view source);

  /// The scheme of a linear layer ("model.layers.0.mlp.up_proj"), empty when it is dense. The scale
  /// type is not in the config: it stays f16 here.
  std::optional<Scheme> scheme_of(std::string_view module) const;

 private:
  struct Target {
    std::string text;
    std::optional<NamePattern> pattern;  ///< of "re:..."
    std::size_t group = 0;
    bool matches(std::string_view module) const;
  };
  void add_group(const Json& json, std::string_view format, const std::string& where);
  static Target make_target(const Json& json, const std::string& where);

  std::vector<std::optional<Scheme>> schemes_;  ///< per config group
  std::vector<Target> targets_;                 ///< names, then patterns, then classes
  std::vector<Target> ignore_;
};

}  // namespace libquant
