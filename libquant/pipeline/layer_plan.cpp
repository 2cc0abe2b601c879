#include "libquant/pipeline/layer_plan.h"

#include <algorithm>
#include <set>

#include "libquant/core/error.h"
#include "libquant/pipeline/layer_pattern.h"

namespace libquant {
namespace {

struct Rule {
  LayerPattern pattern;
  const LayerOverride* settings;
  bool used = false;
};

std::vector<Rule> compile(const QuantizeOptions& options) {
  std::vector<Rule> rules;
  for (const auto& entry : options.overrides)
    rules.push_back({LayerPattern(entry.pattern), &entry});
  return rules;
}

void apply_rules(std::vector<Rule>& rules, PlannedLayer& layer) {
  for (Rule& rule : rules) {
    if (!rule.pattern.matches(layer.name)) continue;
    rule.used = true;
    const LayerOverride& settings = *rule.settings;
    layer.ignored = settings.ignore;
    if (settings.bits) layer.options.scheme.bits = *settings.bits;
    if (settings.group_size) layer.options.scheme.group_size = *settings.group_size;
    if (settings.zero) layer.options.scheme.zero = *settings.zero;
    if (settings.damping) layer.options.damping = *settings.damping;
  }
}

void apply_bit_plan(const QuantizeOptions& options, PlannedLayer& layer) {
  if (!options.bit_plan) return;
  if (const auto bits = options.bit_plan->bits_of(layer.name)) layer.options.scheme.bits = *bits;
}

void check_bit_plan(const QuantizeOptions& options, const LayerPlan& plan) {
  if (!options.bit_plan) return;
  std::set<std::string> names;
  for (const PlannedLayer& layer : plan.layers) {
    names.insert(layer.name);
    require(layer.ignored || options.bit_plan->bits_of(layer.name),
            "the plan of bits does not name {}", layer.name);
  }
  for (const BitGroup& group : options.bit_plan->groups)
    for (const auto& name : group.layers)
      require(names.contains(name), "the plan of bits names {}, which the model lacks", name);
}

// Embeddings and lm_head are never quantized here, so asking to ignore them is no mistake.
void check_rules(std::vector<Rule>& rules) {
  for (Rule& rule : rules) {
    if (rule.settings->ignore &&
        (rule.pattern.matches("lm_head") || rule.pattern.matches("model.embed_tokens")))
      rule.used = true;
    require(rule.used, "layer pattern \"{}\" matches no linear layer; names look like \"{}\"",
            rule.pattern.text(), linear_name(0, LinearRole::down));
  }
}

void choose_group(const QuantizeOptions& options, PlannedLayer& layer) {
  Scheme& scheme = layer.options.scheme;
  const auto divides = [&](std::size_t group) { return group == 0 || layer.cols % group == 0; };
  if (divides(scheme.group_size)) return;
  require(options.group_fallback.has_value(),
          "group size {} does not divide the {} columns of {}; name another group for such layers "
          "with a group fallback (--group-fallback), or override its group",
          scheme.group_size, layer.cols, layer.name);
  require(divides(*options.group_fallback),
          "neither group size {} nor the group fallback {} divides the {} columns of {}",
          scheme.group_size, *options.group_fallback, layer.cols, layer.name);
  scheme.group_size = *options.group_fallback;
  layer.group_fallback = true;
}

// A folder of dense values holds any scheme, rounded to its type.
std::string reason_against(Format format, const Scheme& scheme, const PlannedLayer& layer) {
  return format == Format::safetensors ? "" : why_not(format, scheme, layer.rows, layer.cols);
}

/// The scheme as all formats need it, the needs of `last` having the last word.
Scheme adapt_all(const QuantizeOptions& options, Scheme scheme, Format last) {
  for (const Format format : options.formats)
    scheme = adapt(format, scheme, options.write.dense_type);
  return adapt(last, scheme, options.write.dense_type);
}

// A format that takes any scale type may have asked for one that another does not take, so every
// order is worth a try.
void fit_formats(const QuantizeOptions& options, PlannedLayer& layer) {
  const Scheme wanted = layer.options.scheme;
  std::string failure;
  for (const Format last : options.formats) {
    const Scheme scheme = adapt_all(options, wanted, last);
    bool fits = true;
    for (const Format format : options.formats) {
      const std::string reason = reason_against(format, scheme, layer);
      if (!reason.empty()) {
        fits = false;
        failure = fmt::format("{} cannot hold {} as {}: {}", to_string(format), layer.name,
                              to_string(wanted), reason);
      }
    }
    if (fits) {
      layer.options.scheme = scheme;
      return;
    }
  }
  throw NotSupported(failure);
}

}  // namespace

std::size_t LayerPlan::quantized() const {
  return static_cast<std::size_t>(std::count_if(layers.begin(), layers.end(),
                                                [](const auto& layer) { return !layer.ignored; }));
}

std::size_t LayerPlan::group_fallbacks() const {
  return static_cast<std::size_t>(
      std::count_if(layers.begin(), layers.end(),
                    [](const auto& layer) { return layer.group_fallback && !layer.ignored; }));
}

std::vector<std::string> LayerPlan::ignored() const {
  std::vector<std::string> names;
  for (const auto& layer : layers)
    if (layer.ignored) names.push_back(layer.name);
  return names;
}

LayerPlan plan_layers(const WeightSource& source, const QuantizeOptions& options) {
  require(!options.formats.empty(), "quantization needs at least one output format");
  LayerPlan plan;
  auto rules = compile(options);
  for (std::size_t block = 0; block < source.config().layers; ++block) {
    for (const LinearRole role : kLinearRoles) {
      PlannedLayer layer;
      layer.block = block;
      layer.role = role;
      layer.name = linear_name(block, role);
      layer.options = options.layer;
      const auto info = source.info(layer.tensor());
      layer.rows = info.rows;
      layer.cols = info.cols;
      apply_bit_plan(options, layer);
      apply_rules(rules, layer);
      if (!layer.ignored) {
        choose_group(options, layer);
        check_scheme(layer.options.scheme, layer.cols, layer.name);
        fit_formats(options, layer);
      }
      plan.layers.push_back(std::move(layer));
    }
  }
  check_rules(rules);
  check_bit_plan(options, plan);
  require(plan.quantized() > 0, "the ignore patterns leave no layer to quantize");
  return plan;
}

}  // namespace libquant
