#include <algorithm>
#include <cstdint>
#include <utility>

#include "libquant/checkpoint/bit_packing.h"
#include "libquant/checkpoint/name_pattern.h"
#include "libquant/checkpoint/packed_output.h"
#include "libquant/checkpoint/packed_parts.h"
#include "libquant/core/error.h"
#include "libquant/core/version.h"

namespace libquant {
namespace {

class GptqOutput final : public OutputTensor {
 public:
  GptqOutput(const PlannedTensor& tensor, int version, CodesCache& cache)
      : spec_(tensor.spec), scheme_(*tensor.scheme), version_(version), cache_(cache) {}
  std::vector<OutputEntry> entries() const override;
  void write(std::size_t part, const ByteSink& sink) const override;

 private:
  enum Part : std::size_t { qweight, qzeros, scales, g_idx };
  std::vector<std::uint32_t> weights(const QuantizedMatrix& codes) const;
  std::vector<std::uint32_t> zeros(const QuantizedMatrix& codes) const;
  std::vector<std::uint32_t> groups(const QuantizedMatrix& codes) const;

  TensorSpec spec_;
  Scheme scheme_;
  int version_;
  CodesCache& cache_;
};

std::vector<OutputEntry> GptqOutput::entries() const {
  const std::string module(module_of(spec_.name));
  const std::size_t count = scheme_.groups(spec_.cols);
  return {
      {module + ".qweight", DType::i32, {packed_words(spec_.cols, scheme_.bits), spec_.rows}},
      {module + ".qzeros", DType::i32, {count, packed_words(spec_.rows, scheme_.bits)}},
      {module + ".scales", DType::f16, {count, spec_.rows}},
      {module + ".g_idx", DType::i32, {spec_.cols}},
  };
}

std::vector<std::uint32_t> GptqOutput::weights(const QuantizedMatrix& codes) const {
  std::vector<std::uint32_t> words(packed_words(codes.cols, scheme_.bits) * codes.rows);
  pack_columns(codes.codes, codes.cols, scheme_.bits, words);
  return words;
}

std::vector<std::uint32_t> GptqOutput::zeros(const QuantizedMatrix& codes) const {
  const std::size_t count = codes.groups();
  std::vector<std::uint8_t> values(codes.rows * count,
                                   static_cast<std::uint8_t>(scheme_.symmetric_zero()));
  if (scheme_.zero == ZeroKind::asymmetric) values = transposed(codes.zeros, codes.rows, count);
  if (version_ == 1)
    for (std::uint8_t& zero : values) --zero;  // why_not() made sure of zero >= 1
  std::vector<std::uint32_t> words(packed_words(codes.rows, scheme_.bits) * count);
  pack_rows(values, codes.rows, scheme_.bits, words);
  return words;
}

std::vector<std::uint32_t> GptqOutput::groups(const QuantizedMatrix& codes) const {
  std::vector<std::uint32_t> index(codes.cols);
  for (std::size_t c = 0; c < codes.cols; ++c)
    index[c] = static_cast<std::uint32_t>(codes.group(c));
  return index;
}

void GptqOutput::write(std::size_t part, const ByteSink& sink) const {
  const QuantizedMatrix& codes = cache_.get(spec_.name);
  const auto words = [&sink](const std::vector<std::uint32_t>& values) {
    sink(std::as_bytes(std::span(values)));
  };
  switch (part) {
    case qweight:
      return words(weights(codes));
    case qzeros:
      return words(zeros(codes));
    case scales:
      return sink(stored_scales(codes, true, spec_.name));
    default:
      return words(groups(codes));
  }
}

std::int64_t group_number(const Scheme& scheme) {
  return scheme.group_size == 0 ? -1 : static_cast<std::int64_t>(scheme.group_size);
}

void set_scheme(Json& json, const Scheme& scheme) {
  json.set("bits", scheme.bits);
  json.set("group_size", group_number(scheme));
  json.set("sym", scheme.zero == ZeroKind::symmetric);
}

// GPTQModel and vLLM match these from the start of the module's name.
Json overrides_of(const std::vector<PlannedTensor>& plan, const Scheme& base) {
  Json common, overrides;
  set_scheme(common, base);
  for (const PlannedTensor& tensor : plan) {
    if (tensor.spec.kind != TensorSpec::Kind::linear) continue;
    const std::string pattern = escape_pattern(module_of(tensor.spec.name)) + "$";
    Json own(Json::Object{});
    if (!tensor.scheme.has_value()) {
      overrides.set("-:" + pattern, std::move(own));
      continue;
    }
    set_scheme(own, *tensor.scheme);
    if (own != common) overrides.set("+:" + pattern, std::move(own));
  }
  return overrides;
}

}  // namespace

std::unique_ptr<OutputTensor> gptq_output(const PlannedTensor& tensor, int version,
                                          CodesCache& cache) {
  return std::make_unique<GptqOutput>(tensor, version, cache);
}

Json gptq_config(const std::vector<PlannedTensor>& plan, int version) {
  const Scheme base = most_frequent_scheme(plan).value();
  Json config;
  config.set("quant_method", "gptq");
  set_scheme(config, base);
  config.set("desc_act", std::any_of(plan.begin(), plan.end(),
                                     [](const PlannedTensor& t) { return t.act_order; }));
  config.set("checkpoint_format", version == 1 ? "gptq" : "gptq_v2");
  config.set("pack_dtype", "int32");
  config.set("lm_head", false);
  config.set("static_groups", false);
  config.set("true_sequential", true);
  Json overrides = overrides_of(plan, base);
  if (!overrides.is_null()) config.set("dynamic", std::move(overrides));
  Json meta;
  meta.set("quantizer", Json::Array{Json(fmt::format("libquant:{}", ::libquant::version()))});
  config.set("meta", std::move(meta));
  return config;
}

}  // namespace libquant
