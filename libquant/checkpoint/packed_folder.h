#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "libquant/checkpoint/safetensors_folder.h"
#include "libquant/checkpoint/stored_checkpoint.h"
#include "libquant/checkpoint/tensor_specs.h"

namespace libquant {

/// How a quantized folder stores its matrices: one implementation per quant_method.
class PackedFormat {
 public:
  virtual ~PackedFormat() = default;
  /// WeightSource::Info-independent name of the format: Checkpoint::format().
  virtual std::string name() const = 0;
  /// A reader for the matrix `spec` when the folder holds it packed, nullptr when it is dense.
  /// Names of the tensors it uses go to `used`. Throws FormatError for tensors that contradict the
  /// config or each other, NotSupported for schemes libquant does not have.
  virtual std::unique_ptr<TensorReader> reader(const SafetensorsFolder& folder,
                                               const TensorSpec& spec,
                                               std::set<std::string, std::less<>>& used) const = 0;
};

/// From "quantization_config" of config.json (or quantize_config.json); `source` names the file.
std::unique_ptr<PackedFormat> make_compressed_tensors(const Json& config, std::string_view source);
std::unique_ptr<PackedFormat> make_gptq(const Json& config, std::string_view source);

}  // namespace libquant
