#include "libquant/pipeline/refined_scales.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <span>

#include "kernels/threads.h"
#include "libquant/core/error.h"
#include "libquant/core/hash.h"
#include "libquant/io/safetensors.h"
#include "libquant/model/block.h"
#include "libquant/quant/group_parameters.h"
#include "libquant/quant/parameter_gradient.h"

namespace libquant {
namespace {

constexpr double kMeanDecay = 0.9, kSquareDecay = 0.99;
constexpr double kTiny = 1e-20;  // beside the root of the square: gradients have no known size

using Field = std::pair<const char*, std::vector<float> LayerScales::*>;
constexpr std::array kFields{
    Field{".moved", &LayerScales::moved}, Field{".mean", &LayerScales::mean},
    Field{".square", &LayerScales::square}, Field{".scales", &LayerScales::best_scales},
    Field{".minimums", &LayerScales::best_minimums}};

std::string tensor_of(std::size_t block, LinearRole role) {
  return linear_name(block, role) + ".weight";
}

// What the file says beside its tensors, and all of their bytes.
std::string content_hash(const std::map<std::string, std::string>& metadata,
                         std::span<const std::span<const std::byte>> parts) {
  Hasher hasher;
  for (const auto& [key, value] : metadata)
    if (key != "hash") hasher.update(fmt::format("{}={}\n", key, value));
  for (const auto bytes : parts) hasher.update(bytes);
  return hasher.hex();
}

std::string entry(const std::map<std::string, std::string>& metadata, const std::string& key) {
  const auto at = metadata.find(key);
  return at == metadata.end() ? "" : at->second;
}

std::vector<float> times_row(const std::vector<float>& values, const LayerScales& layer,
                             float (*round)(double, ScaleType)) {
  std::vector<float> made(values.size());
  const std::size_t groups = values.size() / layer.moved.size();
  for (std::size_t i = 0; i < made.size(); ++i)
    made[i] = round(double{values[i]} * std::exp(double{layer.moved[i / groups]}),
                    layer.scheme.scale_type);
  return made;
}

// dL/dt of every row: all its scales and minimums grow by the same factor.
std::vector<double> row_slopes(ConstMatrixView of_weights, const QuantizedMatrix& matrix) {
  std::vector<double> scales(matrix.scales.size()), minimums(matrix.minimums.size());
  parameter_gradient(of_weights, matrix, scales, minimums);
  std::vector<double> slopes(matrix.rows);
  const std::size_t groups = scales.size() / matrix.rows;
  for (std::size_t i = 0; i < scales.size(); ++i) {
    slopes[i / groups] += scales[i] * matrix.scales[i];
    if (!minimums.empty()) slopes[i / groups] += minimums[i] * matrix.minimums[i];
  }
  return slopes;
}

}  // namespace

std::vector<float> LayerScales::scales() const { return times_row(scales0, *this, stored_scale); }

std::vector<float> LayerScales::minimums() const { return times_row(minimums0, *this, stored); }

RefinedScales::RefinedScales(const QuantizedCheckpoint& model) {
  for (std::size_t block = 0; block < model.config().layers; ++block)
    for (const LinearRole role : kLinearRoles) {
      LayerScales layer;
      layer.tensor = tensor_of(block, role);
      auto matrix = model.quantized(layer.tensor);
      if (!matrix) continue;
      layer.scheme = matrix->scheme;
      layer.scales0 = layer.best_scales = std::move(matrix->scales);
      layer.minimums0 = layer.best_minimums = std::move(matrix->minimums);
      layer.moved.assign(matrix->rows, 0.0F);
      layer.mean = layer.square = layer.moved;
      layers_.push_back(std::move(layer));
    }
}

std::size_t RefinedScales::parameters() const noexcept {
  std::size_t sum = 0;
  for (const LayerScales& layer : layers_) sum += layer.moved.size();
  return sum;
}

void RefinedScales::step(QuantizedCheckpoint& model, std::size_t block,
                         std::span<const Matrix> of_weights, std::size_t step, double rate) {
  const auto count = static_cast<double>(step);
  const double mean_share = 1 / (1 - std::pow(kMeanDecay, count));
  const double square_share = 1 / (1 - std::pow(kSquareDecay, count));
  for (const LinearRole role : kLinearRoles) {
    const auto at = std::ranges::find(layers_, tensor_of(block, role), &LayerScales::tensor);
    if (at == layers_.end()) continue;
    LayerScales& layer = *at;
    const auto matrix = model.quantized(layer.tensor);
    const std::vector<double> slopes =
        row_slopes(of_weights[static_cast<std::size_t>(role)], *matrix);
    for (std::size_t r = 0; r < slopes.size(); ++r) {
      const double slope = slopes[r];
      const double mean = kMeanDecay * double{layer.mean[r]} + (1 - kMeanDecay) * slope;
      const double square =
          kSquareDecay * double{layer.square[r]} + (1 - kSquareDecay) * slope * slope;
      layer.mean[r] = static_cast<float>(mean);
      layer.square[r] = static_cast<float>(square);
      const double move = rate * mean * mean_share / (std::sqrt(square * square_share) + kTiny);
      layer.moved[r] = static_cast<float>(double{layer.moved[r]} - move);
    }
    model.set_parameters(layer.tensor, layer.scales(), layer.minimums());
  }
}

void RefinedScales::keep_as_best() {
  for (LayerScales& layer : layers_) {
    layer.best_scales = layer.scales();
    layer.best_minimums = layer.minimums();
  }
}

void RefinedScales::put_best_into(QuantizedCheckpoint& model) const {
  for (const LayerScales& layer : layers_)
    model.set_parameters(layer.tensor, layer.best_scales, layer.best_minimums);
}

void RefinedScales::put_into(QuantizedCheckpoint& model) const {
  for (const LayerScales& layer : layers_)
    model.set_parameters(layer.tensor, layer.scales(), layer.minimums());
}

void RefinedScales::save(const std::filesystem::path& path, std::string_view fingerprint,
                         const RefineReport& report, bool done) const {
  std::vector<SafetensorsWriter::Entry> entries;
  std::vector<std::span<const std::byte>> parts;
  for (const LayerScales& layer : layers_)
    for (const auto& [name, field] : kFields) {
      const auto& values = layer.*field;
      if (values.empty()) continue;
      entries.push_back({layer.tensor + name, DType::f32, {values.size()}});
      parts.push_back(std::as_bytes(std::span(values)));
    }
  std::map<std::string, std::string> metadata{{"fingerprint", std::string(fingerprint)},
                                              {"report", to_json(report).dump()},
                                              {"done", done ? "1" : "0"}};
  metadata.emplace("hash", content_hash(metadata, parts));
  SafetensorsWriter writer(path, entries, metadata);
  for (const auto bytes : parts) writer.append(bytes);
  writer.commit();
}

bool RefinedScales::load(const std::filesystem::path& path, std::string_view fingerprint,
                         RefineReport& report, bool& done) {
  if (!std::filesystem::exists(path)) return false;
  try {
    const SafetensorsFile file(path);
    const auto& metadata = file.metadata();
    std::vector<LayerScales> layers = layers_;
    std::vector<std::span<const std::byte>> parts;
    for (LayerScales& layer : layers)
      for (const auto& [name, field] : kFields) {
        auto& values = layer.*field;
        if (values.empty()) continue;
        const StoredTensor* tensor = file.find(layer.tensor + name);
        if (tensor == nullptr || tensor->bytes.size() != values.size() * sizeof(float))
          return false;
        std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
        parts.push_back(tensor->bytes);
      }
    if (entry(metadata, "fingerprint") != fingerprint ||
        entry(metadata, "hash") != content_hash(metadata, parts))
      return false;
    report = refine_report_from_json(Json::parse(entry(metadata, "report"), "report"));
    done = entry(metadata, "done") == "1";
    layers_ = std::move(layers);
    return true;
  } catch (const Error&) {
    return false;  // damaged: refined again
  }
}

}  // namespace libquant
