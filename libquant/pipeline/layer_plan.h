#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "libquant/model/block.h"
#include "libquant/pipeline/quantize_model.h"

namespace libquant {

/// One linear layer of one block and what is to be done with it.
struct PlannedLayer {
  std::size_t block = 0;
  LinearRole role = LinearRole::q;
  std::string name;  ///< without ".weight"
  std::size_t rows = 0, cols = 0;
  bool ignored = false;
  bool group_fallback = false;
  LayerOptions options;

  std::string tensor() const { return name + ".weight"; }
};

/// All linear layers: by block, roles in order.
struct LayerPlan {
  std::vector<PlannedLayer> layers;

  std::span<const PlannedLayer, kLinearRoles.size()> block(std::size_t index) const {
    return std::span(layers).subspan(index * kLinearRoles.size()).first<kLinearRoles.size()>();
  }
  std::size_t quantized() const;
  std::size_t group_fallbacks() const;
  std::vector<std::string> ignored() const;
};

/// Applies overrides, group fallback and the formats' needs to every layer and checks the result.
/// Throws InvalidArgument (patterns, groups, nothing left to quantize) or NotSupported (formats).
LayerPlan plan_layers(const WeightSource& source, const QuantizeOptions& options);

}  // namespace libquant
