#include "libquant/checkpoint/tensor_specs.h"

#include <set>

#include "tests/support/catch.h"
#include "tests/support/memory_source.h"

using namespace libquant;
using namespace libquant::testing;

TEST_CASE("GGUF's row order is that of llama.cpp's converter", "[checkpoint]") {
  // convert_hf_to_gguf.py: reshape(heads, 2, dim / 2, ...).swapaxes(1, 2), here two heads of 6:
  // rows 0 1 2 | 3 4 5 of a head become 0 3 1 4 2 5.
  const std::size_t expected[] = {0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11};
  for (std::size_t stored = 0; stored < 12; ++stored) {
    CHECK(hf_row(stored, 6) == expected[stored]);
    CHECK(gguf_row(expected[stored], 6) == stored);
    CHECK(hf_row(stored, 0) == stored);
  }
}

TEST_CASE("a config calls for the tensors of its family, each once", "[checkpoint]") {
  ModelConfig config = tiny_config();
  config.attention_bias = config.output_bias = config.mlp_bias = config.qk_norm = true;
  const MemorySource source(config);
  std::set<std::string> names, gguf_names;
  for (const TensorSpec& spec : tensor_specs(config)) {
    INFO(spec.name);
    REQUIRE(source.has(spec.name));
    CHECK(source.info(spec.name).rows == spec.rows);
    CHECK(source.info(spec.name).cols == spec.cols);
    CHECK(names.insert(spec.name).second);
    CHECK(gguf_names.insert(spec.gguf_name).second);
    const bool qk = spec.name.find("q_proj") != std::string::npos ||
                    spec.name.find("k_proj") != std::string::npos;
    CHECK(spec.permuted_head_dim == (qk ? config.head_dim : 0));
  }
  CHECK(names.size() == source.names().size());
  CHECK(gguf_names.count("blk.1.attn_q_norm.weight") == 1);
  CHECK(gguf_names.count("blk.0.ffn_down.bias") == 1);
}

TEST_CASE("the module of a tensor is its name without the last part", "[checkpoint]") {
  CHECK(module_of("model.layers.3.mlp.up_proj.weight") == "model.layers.3.mlp.up_proj");
  CHECK(module_of("lm_head.weight") == "lm_head");
}
