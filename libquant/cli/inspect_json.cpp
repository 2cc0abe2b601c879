#include "libquant/cli/inspect_json.h"

#include "libquant/tokenizer/chat.h"

namespace libquant::cli {
namespace {

Json config_json(const ModelConfig& c) {
  return Json::object({{"family", c.family},
                       {"vocabulary_size", c.vocabulary_size},
                       {"hidden_size", c.hidden_size},
                       {"intermediate_size", c.intermediate_size},
                       {"layers", c.layers},
                       {"heads", c.heads},
                       {"kv_heads", c.kv_heads},
                       {"head_dim", c.head_dim},
                       {"max_positions", c.max_positions},
                       {"sliding_window", c.sliding_window},
                       {"rms_epsilon", c.rms_epsilon},
                       {"tied_embeddings", c.tied_embeddings},
                       {"attention_bias", c.attention_bias},
                       {"output_bias", c.output_bias},
                       {"mlp_bias", c.mlp_bias},
                       {"qk_norm", c.qk_norm},
                       {"rope_theta", c.rope.theta},
                       {"rope_scaling", rope_scaling_name(c.rope.scaling)}});
}

Json tokenizer_json(const TokenizerSpec& spec) {
  return Json::object({{"kind", tokenizer_kind_name(spec.kind)},
                       {"tokens", spec.tokens.size()},
                       {"merges", spec.merges.size()},
                       {"bos", std::int64_t{spec.bos}},
                       {"eos", std::int64_t{spec.eos}},
                       {"eot", std::int64_t{spec.eot}},
                       {"eom", std::int64_t{spec.eom}},
                       {"add_bos", spec.add_bos},
                       {"add_eos", spec.add_eos},
                       {"chat_format", to_string(detect_chat_format(spec))},
                       {"chat_template", !spec.chat_template.empty()}});
}

Json tensor_json(const std::string& name, const WeightSource::Info& info) {
  return Json::object({{"name", name},
                       {"rows", info.rows},
                       {"cols", info.cols},
                       {"type", info.type},
                       {"quantized", info.quantized},
                       {"bytes", info.bytes}});
}

}  // namespace

std::string_view rope_scaling_name(RopeConfig::Scaling scaling) noexcept {
  switch (scaling) {
    case RopeConfig::Scaling::none:
      return "none";
    case RopeConfig::Scaling::linear:
      return "linear";
    case RopeConfig::Scaling::dynamic:
      return "dynamic";
    case RopeConfig::Scaling::llama3:
      return "llama3";
    case RopeConfig::Scaling::yarn:
      return "yarn";
    case RopeConfig::Scaling::longrope:
      return "longrope";
  }
  return "";
}

std::string_view tokenizer_kind_name(TokenizerSpec::Kind kind) noexcept {
  return kind == TokenizerSpec::Kind::byte_level ? "byte_level" : "sentencepiece";
}

Json inspect_json(const std::string& path, const Checkpoint& model) {
  Json::Array tensors;
  for (const auto& name : model.names()) tensors.push_back(tensor_json(name, model.info(name)));
  return Json::object({{"model", path},
                       {"format", model.format()},
                       {"type", model.type_name()},
                       {"config", config_json(model.config())},
                       {"tokenizer", tokenizer_json(model.tokenizer())},
                       {"tensors", std::move(tensors)}});
}

}  // namespace libquant::cli
