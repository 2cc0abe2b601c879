#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "kernels/threads.h"
#include "libquant/core/error.h"
#include "libquant/core/half.h"
#include "libquant/model/linear.h"
#include "libquant/model/load.h"

namespace libquant {
namespace {

// A scale of a large type times the largest code may overflow.
void check_values(const QuantizedMatrix& matrix, std::string_view name) {
  const auto largest = static_cast<std::uint8_t>(matrix.scheme.max_code());
  for (std::size_t r = 0; r < matrix.rows; ++r)
    for (std::size_t g = 0; g < matrix.groups(); ++g)
      require<FormatError>(
          std::isfinite(matrix.value(r, g, 0)) && std::isfinite(matrix.value(r, g, largest)),
          "{}: group {} of row {} holds weights beyond fp32", name, g, r);
}

// Narrowing what was widened from the type is exact.
std::vector<std::uint16_t> load_half(const WeightSource& source, std::string_view name, DType type,
                                     std::size_t rows, std::size_t cols) {
  constexpr std::size_t kChunk = std::size_t{1} << 20;  // elements
  std::vector<std::uint16_t> half(rows * cols);
  const std::size_t step = std::max<std::size_t>(1, kChunk / cols);
  Matrix values(std::min(step, rows), cols);
  for (std::size_t first = 0; first < rows; first += step) {
    const std::size_t count = std::min(step, rows - first);
    const MatrixView chunk = values.view().row_range(0, count);
    source.load_rows(name, first, chunk);
    check_finite(name, first, chunk);
    kernels::parallel_for(count, 16, [&](std::size_t r) {
      for (std::size_t c = 0; c < cols; ++c)
        half[(first + r) * cols + c] =
            type == DType::f16 ? f32_to_f16(values(r, c)) : f32_to_bf16(values(r, c));
    });
  }
  return half;
}

}  // namespace

bool WeightUse::expanded() const noexcept {
  return form == Form::codes_in_8 || (form == Form::f32 && stored_bytes < bytes);
}

std::string_view to_string(WeightUse::Form form) noexcept {
  switch (form) {
    case WeightUse::Form::codes:
      return "codes";
    case WeightUse::Form::codes_in_8:
      return "codes_in_8";
    case WeightUse::Form::half:
      return "half";
    case WeightUse::Form::f32:
      return "f32";
  }
  return "";
}

void WeightUses::add(const WeightSource::Info& info, WeightUse::Form form, std::size_t bytes) {
  auto use = std::find_if(uses_.begin(), uses_.end(), [&](const WeightUse& u) {
    return u.stored == info.type && u.form == form;
  });
  if (use == uses_.end()) use = uses_.insert(uses_.end(), {info.type, form, 0, 0, 0});
  ++use->matrices;
  use->stored_bytes += info.bytes;
  use->bytes += bytes;
}

std::unique_ptr<const LinearLayer> load_linear_layer(const WeightSource& source,
                                                     std::string_view name, std::size_t outputs,
                                                     std::size_t inputs, bool bias,
                                                     const ModelOptions& options,
                                                     WeightUses& uses) {
  const std::string weight = std::string(name) + ".weight";
  std::vector<float> biases = load_bias(source, name, outputs, bias);
  check_shape(source, weight, outputs, inputs);
  const WeightSource::Info info = source.info(weight);
  const auto held = [&](std::unique_ptr<const LinearLayer> layer, WeightUse::Form form) {
    uses.add(info, form, layer->bytes());
    source.release(weight);
    return layer;
  };
  if (const auto codes = source.quantized(weight); codes && PackedMatrix::can_hold(*codes)) {
    check_values(*codes, weight);
    const bool wider = codes->scheme.bits == 5 || codes->scheme.bits == 6;
    return held(std::make_unique<PackedLinear>(*codes, std::move(biases), options.activations),
                wider ? WeightUse::Form::codes_in_8 : WeightUse::Form::codes);
  }
  for (const DType type : {DType::f16, DType::bf16})
    if (info.type == to_string(type))
      return held(std::make_unique<HalfLinear>(outputs, inputs, type,
                                               load_half(source, weight, type, outputs, inputs),
                                               std::move(biases), options.activations),
                  WeightUse::Form::half);
  auto dense = std::make_unique<Linear>();
  dense->weight = load_matrix(source, weight, outputs, inputs);
  dense->bias = std::move(biases);
  return held(std::move(dense), WeightUse::Form::f32);
}

}  // namespace libquant
