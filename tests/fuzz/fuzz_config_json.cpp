#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "libquant/checkpoint/compressed_tensors_config.h"
#include "libquant/checkpoint/gptq_config.h"
#include "libquant/checkpoint/hf_config.h"
#include "libquant/core/error.h"

using namespace libquant;

namespace {

// A config that was accepted must survive being written.
void check_model(const Json& json) {
  ModelConfig config;
  try {
    config = config_from_json(json, "config.json");
  } catch (const Error&) {
    return;
  }
  const Json written = config_to_json(config, {}, DType::bf16);
  if (config_from_json(Json::parse(written.dump(), "written"), "written") != config) std::abort();
}

template <typename Config>
void check_quantization(const Json& json) {
  try {
    const Config config(json, "quantization_config");
    for (const std::string_view module :
         {"model.layers.0.self_attn.q_proj", "model.layers.11.mlp.down_proj", "lm_head"})
      config.scheme_of(module);
  } catch (const Error&) {
    return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Json json;
  try {
    json = Json::parse({reinterpret_cast<const char*>(data), size}, "config.json");
  } catch (const Error&) {
    return 0;
  }
  check_model(json);
  const Json* quantization = json.find("quantization_config");
  if (quantization == nullptr) return 0;
  check_quantization<CompressedTensorsConfig>(*quantization);
  check_quantization<GptqConfig>(*quantization);
  return 0;
}
