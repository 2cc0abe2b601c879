#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/core/half.h"
#include "libquant/io/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/paths.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

// Opens a folder of tests/golden that another library wrote; every weight must have the bytes of
// expected.safetensors, what that library itself makes of it. fp16 and bf16 are one rounding.
std::unique_ptr<Checkpoint> checked_folder(const std::string& name, const std::string& format) {
  const std::string folder = test_folder() + "/golden/" + name;
  auto model = open_checkpoint(folder);
  CHECK(model->format() == format);
  const SafetensorsFile expected(folder + "/expected.safetensors");
  CHECK(expected.tensors().size() == model->names().size());
  for (const StoredTensor& tensor : expected.tensors()) {
    INFO(tensor.name);
    const Matrix values = model->load(tensor.name);
    REQUIRE(values.size() == tensor.elements());
    if (tensor.dtype == DType::f32) {
      CHECK(std::memcmp(values.data(), tensor.bytes.data(), tensor.bytes.size()) == 0);
      continue;
    }
    std::vector<std::uint16_t> rounded(values.size());
    std::transform(values.data(), values.data() + values.size(), rounded.begin(),
                   tensor.dtype == DType::bf16 ? f32_to_bf16 : f32_to_f16);
    CHECK(std::memcmp(rounded.data(), tensor.bytes.data(), tensor.bytes.size()) == 0);
  }
  return model;
}

}  // namespace

TEST_CASE("a folder packed by the compressed-tensors library reads as the library dequantizes it",
          "[checkpoint]") {
  const auto model = checked_folder("compressed_tensors", "compressed-tensors");
  const std::string block = "model.layers.0.";
  CHECK(model->info(block + "mlp.up_proj.weight").type == "w3g32 asymmetric bf16");
  CHECK(model->info(block + "self_attn.v_proj.weight").type == "w8g32 asymmetric bf16");
  CHECK(model->quantized(block + "mlp.down_proj.weight")->scheme ==
        Scheme{4, 0, ZeroKind::symmetric, ScaleType::bf16, 0});
  CHECK(model->info(block + "self_attn.o_proj.weight").type == "BF16");
}

TEST_CASE("a folder that GPTQModel quantized in act-order reads as the library dequantizes it",
          "[checkpoint]") {
  const auto model = checked_folder("gptq", "gptq");
  const auto down = model->quantized("model.layers.0.mlp.down_proj.weight");
  CHECK(down->scheme == Scheme{4, 32, ZeroKind::symmetric, ScaleType::f16, 0});
  CHECK_FALSE(std::is_sorted(down->group_of.begin(), down->group_of.end()));
}
