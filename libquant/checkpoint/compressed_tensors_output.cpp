#include <algorithm>
#include <cstdint>
#include <utility>

#include "libquant/checkpoint/bit_packing.h"
#include "libquant/checkpoint/name_pattern.h"
#include "libquant/checkpoint/packed_output.h"
#include "libquant/checkpoint/packed_parts.h"
#include "libquant/core/error.h"
#include "libquant/model/block.h"

namespace libquant {
namespace {

class CompressedTensorsOutput final : public OutputTensor {
 public:
  CompressedTensorsOutput(const PlannedTensor& tensor, CodesCache& cache)
      : spec_(tensor.spec), scheme_(*tensor.scheme), cache_(cache) {}
  std::vector<OutputEntry> entries() const override;
  void write(std::size_t part, const ByteSink& sink) const override;

 private:
  enum Part : std::size_t { shape, packed, scale, zero_point };
  std::vector<std::uint32_t> words(Part part, const QuantizedMatrix& codes) const;

  TensorSpec spec_;
  Scheme scheme_;
  CodesCache& cache_;
};

std::vector<OutputEntry> CompressedTensorsOutput::entries() const {
  const std::string module(module_of(spec_.name));
  const std::size_t groups = scheme_.groups(spec_.cols);
  std::vector<OutputEntry> entries{
      {module + ".weight_shape", DType::i64, {2}},
      {module + ".weight_packed", DType::i32, {spec_.rows, packed_words(spec_.cols, scheme_.bits)}},
      {module + ".weight_scale", dtype_of(scheme_.scale_type), {spec_.rows, groups}}};
  if (scheme_.zero == ZeroKind::asymmetric)
    entries.push_back({module + ".weight_zero_point",
                       DType::i32,
                       {packed_words(spec_.rows, scheme_.bits), groups}});
  return entries;
}

std::vector<std::uint32_t> CompressedTensorsOutput::words(Part part,
                                                          const QuantizedMatrix& codes) const {
  const std::size_t groups = codes.groups();
  if (part == packed) {
    std::vector<std::uint32_t> words(codes.rows * packed_words(codes.cols, scheme_.bits));
    pack_rows(codes.codes, codes.cols, scheme_.bits, words);
    return words;
  }
  std::vector<std::uint32_t> words(packed_words(codes.rows, scheme_.bits) * groups);
  pack_columns(transposed(codes.zeros, codes.rows, groups), codes.rows, scheme_.bits, words);
  return words;
}

void CompressedTensorsOutput::write(std::size_t part, const ByteSink& sink) const {
  if (part == shape) {
    const std::int64_t sizes[] = {static_cast<std::int64_t>(spec_.rows),
                                  static_cast<std::int64_t>(spec_.cols)};
    sink(std::as_bytes(std::span(sizes)));
    return;
  }
  const QuantizedMatrix& codes = cache_.get(spec_.name);
  if (part == scale) {
    sink(stored_scales(codes, false, spec_.name));
  } else {
    const std::vector<std::uint32_t> values = words(static_cast<Part>(part), codes);
    sink(std::as_bytes(std::span(values)));
  }
}

Json weights_json(const Scheme& scheme) {
  Json weights;
  weights.set("num_bits", scheme.bits);
  weights.set("type", "int");
  weights.set("symmetric", scheme.zero == ZeroKind::symmetric);
  weights.set("strategy", scheme.group_size == 0 ? "channel" : "group");
  weights.set("group_size", scheme.group_size == 0 ? Json() : Json(scheme.group_size));
  weights.set("dynamic", false);
  return weights;
}

bool has_scheme(const PlannedTensor& tensor, const Scheme& scheme) {
  return tensor.scheme.has_value() && weights_json(*tensor.scheme) == weights_json(scheme);
}

// All layers of a role as one pattern, else the modules by name.
Json::Array targets_of(const std::vector<PlannedTensor>& plan, const Scheme& scheme) {
  Json::Array targets;
  for (const LinearRole role : kLinearRoles) {
    const std::string end = std::string(to_string(role)) + ".weight";
    std::vector<std::string> modules;
    std::size_t all = 0;
    for (const PlannedTensor& tensor : plan) {
      if (!std::string_view(tensor.spec.name).ends_with(end)) continue;
      ++all;
      if (has_scheme(tensor, scheme)) modules.emplace_back(module_of(tensor.spec.name));
    }
    if (!modules.empty() && modules.size() == all)
      targets.emplace_back("re:.*" + escape_pattern(to_string(role)) + "$");
    else
      for (const std::string& module : modules) targets.emplace_back(module);
  }
  return targets;
}

Json group_json(const Scheme& scheme, Json::Array targets) {
  Json group;
  group.set("targets", std::move(targets));
  group.set("weights", weights_json(scheme));
  group.set("input_activations", Json());
  group.set("output_activations", Json());
  group.set("format", "pack-quantized");
  return group;
}

}  // namespace

std::unique_ptr<OutputTensor> compressed_tensors_output(const PlannedTensor& tensor,
                                                        CodesCache& cache) {
  return std::make_unique<CompressedTensorsOutput>(tensor, cache);
}

Json compressed_tensors_config(const std::vector<PlannedTensor>& plan) {
  std::vector<Scheme> schemes{most_frequent_scheme(plan).value()};
  Json::Array ignore{Json("lm_head")};
  for (const PlannedTensor& tensor : plan) {
    if (tensor.spec.kind != TensorSpec::Kind::linear) continue;
    if (!tensor.scheme.has_value())
      ignore.emplace_back(module_of(tensor.spec.name));
    else if (std::none_of(schemes.begin(), schemes.end(),
                          [&](const Scheme& known) { return has_scheme(tensor, known); }))
      schemes.push_back(*tensor.scheme);
  }
  Json groups;
  for (std::size_t i = 0; i < schemes.size(); ++i)
    groups.set(fmt::format("group_{}", i),
               group_json(schemes[i],
                          i == 0 ? Json::Array{Json("Linear")} : targets_of(plan, schemes[i])));
  Json config;
  config.set("quant_method", "compressed-tensors");
  config.set("format", "pack-quantized");
  config.set("quantization_status", "compressed");
  config.set("config_groups", std::move(groups));
  config.set("ignore", std::move(ignore));
  config.set("kv_cache_scheme", Json());
  config.set("global_compression_ratio", Json());
  config.set("version", "0.18.0");  // the first series with the dense bit stream that we write
  return config;
}

}  // namespace libquant
