#include "libquant/pipeline/fingerprint.h"

#include <fmt/ranges.h>

#include <vector>

#include "kernels/cpu/dispatch.h"
#include "libquant/core/hash.h"
#include "libquant/core/version.h"

namespace libquant {
namespace {

std::string describe(const LayerOverride& entry) {
  std::string text = fmt::format("\"{}\"", entry.pattern);
  if (entry.ignore) text += " ignore";
  if (entry.bits) text += fmt::format(" bits={}", *entry.bits);
  if (entry.group_size) text += fmt::format(" group={}", *entry.group_size);
  if (entry.zero) text += fmt::format(" zero={}", to_string(*entry.zero));
  if (entry.damping) text += fmt::format(" damping={}", *entry.damping);
  return text;
}

std::string describe(const std::vector<LayerOverride>& overrides) {
  std::vector<std::string> texts;
  for (const auto& entry : overrides) texts.push_back(describe(entry));
  return fmt::format("{}", fmt::join(texts, "; "));
}

std::string describe(const std::vector<Format>& formats) {
  std::vector<std::string_view> names;
  for (const Format format : formats) names.push_back(to_string(format));
  return fmt::format("{}", fmt::join(names, ", "));
}

void add_layer_options(const LayerOptions& layer, Json& json) {
  json.set("method", to_string(layer.method));
  json.set("bits", layer.scheme.bits);
  json.set("group_size", layer.scheme.group_size);
  json.set("zero", to_string(layer.scheme.zero));
  json.set("act_order", to_string(layer.act_order));
  json.set("damping", layer.damping);
  json.set("clip_steps", layer.clip.steps);
  json.set("clip_max_shrink", layer.clip.max_shrink);
  json.set("clip_norm", layer.clip.norm);
  json.set("clip_weighted", layer.clip.weighted);
  json.set("block_columns", layer.block_columns);
  json.set("scale_refit", layer.scale_refit);
}

// The schemes as planned also depend on the formats' needs, which a later version may change.
std::string schemes_hash(const LayerPlan& plan) {
  Hasher hasher;
  for (const auto& layer : plan.layers)
    hasher.update(fmt::format("{} {} {} {}\n", layer.name, layer.ignored,
                              to_string(layer.options.scheme), layer.options.scheme.zero_min));
  return hasher.hex();
}

void add_fairness(const FairnessOptions& fairness, const FairPreparation& fair, Json& json) {
  json.set("fairness_mode", to_string(fairness.mode));
  json.set("fairness_strength", fairness.strength);
  json.set("fairness_keep", fairness.keep);
  json.set("fairness_layers", fairness.layers);
  for (const auto& [key, value] : fair.identity.as_object("identity"))
    json.set("fairness." + key, value);
}

void add_refine(const RefineOptions& o, Json& json) {
  json.set("refine_steps", o.steps);
  json.set("refine_learning_rate", o.learning_rate);
  json.set("refine_probe_weight", o.probe_weight);
  json.set("refine_windows", o.windows);
  json.set("refine_items", o.items);
  json.set("refine_select_items", o.select_items);
  json.set("refine_interval", o.interval);
  json.set("refine_patience", o.patience);
  json.set("refine_seed", static_cast<std::int64_t>(o.seed));
}

std::string text_of(const Json* value) { return value == nullptr ? "absent" : value->dump(); }

}  // namespace

Json make_fingerprint(const Checkpoint& source, const QuantizeOptions& options,
                      const LayerPlan& plan, const CalibrationSet& calibration,
                      const FairPreparation* fair) {
  Json json = Json::object({});
  json.set("libquant_version", version());
  json.set("isa", kernels::active().name);
  json.set("source_hash", source.content_hash());
  json.set("calibration_tokens", calibration.tokens.size());
  json.set("calibration_window", calibration.window);
  json.set("calibration_seed", static_cast<std::int64_t>(options.calibration.seed));
  json.set("calibration_hash", calibration.hash);
  add_layer_options(options.layer, json);
  json.set("overrides", describe(options.overrides));
  json.set("group_fallback", options.group_fallback ? Json(*options.group_fallback) : Json("none"));
  json.set("formats", describe(options.formats));
  json.set("dense_type", to_string(options.write.dense_type));
  json.set("embedding_type", to_string(options.write.embedding_type));
  json.set("shard_bytes", options.write.shard_bytes);
  for (const auto& [key, value] : options.write.metadata) json.set("metadata." + key, value);
  json.set("layer_schemes_hash", schemes_hash(plan));
  if (fair != nullptr) add_fairness(options.fairness, *fair, json);
  if (options.refine.enabled()) add_refine(options.refine, json);
  return json;
}

std::string fingerprint_hash(const Json& fingerprint) {
  const std::string text = fingerprint.dump();
  return hash_hex(std::as_bytes(std::span(text)));
}

std::string fingerprint_difference(const Json& kept, const Json& wanted) {
  for (const auto& [key, value] : wanted.as_object("fingerprint"))
    if (const Json* other = kept.find(key); other == nullptr || !(*other == value))
      return fmt::format("{} was {}, now {}", key, text_of(other), value.dump());
  for (const auto& [key, value] : kept.as_object("fingerprint"))
    if (wanted.find(key) == nullptr) return fmt::format("{} was {}, now absent", key, value.dump());
  return {};
}

}  // namespace libquant
