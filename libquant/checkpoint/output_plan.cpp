#include "libquant/checkpoint/output_plan.h"

#include <algorithm>
#include <utility>

#include "libquant/core/error.h"

namespace libquant {
namespace {

bool is_float(DType type) {
  return type == DType::f32 || type == DType::f16 || type == DType::bf16;
}

DType dense_type(const TensorSpec& spec, const WriteOptions& options) {
  // llama.cpp adds norms and biases in f32 and has no kernels for other types.
  if (options.format == Format::gguf && spec.is_vector()) return DType::f32;
  const bool embedding =
      spec.kind == TensorSpec::Kind::embedding || spec.kind == TensorSpec::Kind::lm_head;
  return embedding ? options.embedding_type : options.dense_type;
}

void check_packed(const PlannedTensor& tensor, const WriteOptions& options) {
  const TensorSpec& spec = tensor.spec;
  const std::string why = why_not(options.format, *tensor.scheme, spec.rows, spec.cols);
  require<NotSupported>(why.empty(), "{} cannot hold {} ({}): {}", to_string(options.format),
                        spec.name, to_string(*tensor.scheme), why);
  if (options.format == Format::compressed_tensors) {
    const ScaleType needed = adapt(options.format, *tensor.scheme, options.dense_type).scale_type;
    require<InvalidArgument>(
        tensor.scheme->scale_type == needed,
        "compressed-tensors: scales of {} are {}, but dense tensors are to be {}: vLLM would round "
        "the scales; choose one type for both",
        spec.name, to_string(tensor.scheme->scale_type), to_string(options.dense_type));
  }
  const bool indexed = options.format == Format::gptq || options.format == Format::gptq_v2;
  require<NotSupported>(!tensor.act_order || indexed,
                        "{} cannot hold {}: its groups are not contiguous (g_idx); gptq and "
                        "gptq_v2 keep them",
                        to_string(options.format), spec.name);
}

}  // namespace

void check_output_types(const ModelConfig& config, const WriteOptions& options) {
  require(is_float(options.dense_type), "dense tensors are stored as f32, f16 or bf16, not {}",
          to_string(options.dense_type));
  const bool block = options.format == Format::gguf && options.embedding_type == DType::q8_0;
  require(is_float(options.embedding_type) || block,
          "{}: embeddings and lm_head are stored as f32, f16 or bf16{}, not {}",
          to_string(options.format), options.format == Format::gguf ? " or q8_0" : "",
          to_string(options.embedding_type));
  const std::size_t per_block = traits(options.embedding_type).block_elements;
  require(config.hidden_size % per_block == 0,
          "embeddings of {} columns cannot be stored as {}, whose blocks have {}",
          config.hidden_size, to_string(options.embedding_type), per_block);
  require(options.shard_bytes > 0, "shard_bytes is 0");
}

std::vector<PlannedTensor> plan_output(const Checkpoint& source, const WriteOptions& options) {
  check_output_types(source.config(), options);
  std::vector<PlannedTensor> plan;
  for (const TensorSpec& spec : tensor_specs(source.config())) {
    PlannedTensor tensor{spec, std::nullopt, false, dense_type(spec, options)};
    if (spec.kind == TensorSpec::Kind::linear && options.format != Format::safetensors) {
      if (const std::optional<QuantizedMatrix> codes = source.quantized(spec.name)) {
        tensor.scheme = codes->scheme;
        tensor.act_order = !codes->group_of.empty();
        check_packed(tensor, options);
      }
      source.release(spec.name);
    }
    plan.push_back(std::move(tensor));
  }
  const bool packs = options.format != Format::safetensors && options.format != Format::gguf;
  require<InvalidArgument>(!packs || most_frequent_scheme(plan).has_value(),
                           "{}: no matrix of the source is quantized; safetensors and gguf hold "
                           "dense models",
                           to_string(options.format));
  return plan;
}

std::optional<Scheme> most_frequent_scheme(const std::vector<PlannedTensor>& plan) {
  std::vector<std::pair<Scheme, std::size_t>> counts;
  for (const PlannedTensor& tensor : plan) {
    if (!tensor.scheme.has_value()) continue;
    const auto same = std::find_if(counts.begin(), counts.end(), [&](const auto& entry) {
      return entry.first == *tensor.scheme;
    });
    if (same == counts.end())
      counts.emplace_back(*tensor.scheme, 1);
    else
      ++same->second;
  }
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? std::nullopt : std::optional(most->first);
}

}  // namespace libquant
