#include "libquant/model/linear.h"

#include <algorithm>

#include "kernels/cpu/dispatch.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/threads.h"
#include "kernels/workspace.h"
#include "libquant/core/error.h"

namespace libquant {
namespace {

// Up to this many tokens a strip of weights is widened by the thread that multiplies with it.
constexpr std::size_t kFewTokens = 16;
constexpr std::size_t kStripBytes = std::size_t{256} << 10, kChunkBytes = std::size_t{4} << 20;

void add_bias(const std::vector<float>& bias, MatrixView y) {
  if (!bias.empty()) kernels::add_bias_f32(y.rows, y.cols, bias.data(), y.data);
}

std::size_t rows_within(std::size_t bytes, std::size_t cols, std::size_t unit) {
  return std::max<std::size_t>(1, bytes / sizeof(float) / cols / unit) * unit;
}

}  // namespace

std::vector<Matrix> apply_each(std::span<const LinearLayer* const> layers, ConstMatrixView x) {
  std::vector<Matrix> made;
  std::vector<MatrixView> views;
  for (const LinearLayer* layer : layers)
    views.push_back(made.emplace_back(Matrix::uninitialized(x.rows, layer->outputs())).view());
  apply_each(layers, x, views);
  return made;
}

void apply_each(std::span<const LinearLayer* const> layers, ConstMatrixView x,
                std::span<const MatrixView> y) {
  std::vector<kernels::LinearPart> parts;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (const Linear* dense = layers[i]->dense())
      parts.push_back({dense->weight.data(), y[i].cols, x.cols, y[i].data, y[i].stride});
    else
      layers[i]->apply(x, y[i]);
  }
  kernels::linears_f32(x.rows, x.cols, x.data, x.stride, parts.data(), parts.size(), false);
  for (std::size_t i = 0; i < layers.size(); ++i)
    if (const Linear* dense = layers[i]->dense()) add_bias(dense->bias, y[i]);
}

void Linear::apply(ConstMatrixView x, MatrixView y, bool accumulate) const {
  kernels::linear_f32(x.rows, weight.rows(), weight.cols(), x.data, x.stride, weight.data(),
                      weight.cols(), accumulate, y.data, y.stride);
  add_bias(bias, y);
}

void Linear::copy_row(std::size_t output, std::span<float> out) const {
  std::ranges::copy(weight.row(output), out.begin());
}

HalfLinear::HalfLinear(std::size_t outputs, std::size_t inputs, DType type,
                       std::vector<std::uint16_t> weight, std::vector<float> bias,
                       Activations activations)
    : outputs_(outputs),
      inputs_(inputs),
      type_(type),
      rounds_(type == DType::bf16 && activations == Activations::bf16),
      weight_(std::move(weight)),
      bias_(std::move(bias)) {
  require(type == DType::f16 || type == DType::bf16, "a 16-bit layer in {}", to_string(type));
  require(weight_.size() == outputs * inputs, "a 16-bit layer of {} x {} with {} weights", outputs,
          inputs, weight_.size());
  require<NotSupported>(!rounds_ || kernels::has_bf16(),
                        "activations in bf16: instruction set {} has no bf16 products; exact ones "
                        "read the same weights",
                        kernels::active_packed().name);
}

void HalfLinear::widen(std::size_t first, std::size_t rows, float* out) const {
  const std::uint16_t* from = weight_.data() + first * inputs_;
  (type_ == DType::f16 ? kernels::f16_to_f32 : kernels::bf16_to_f32)(rows * inputs_, from, out);
}

void HalfLinear::apply(ConstMatrixView x, MatrixView y, bool accumulate) const {
  if (rounds_)
    kernels::linear_bf16(x.rows, outputs_, inputs_, x.data, x.stride, weight_.data(), inputs_,
                         accumulate, y.data, y.stride);
  else
    apply_widened(x, y, accumulate);
  add_bias(bias_, y);
}

void HalfLinear::apply_widened(ConstMatrixView x, MatrixView y, bool accumulate) const {
  const auto multiply = [&](std::size_t first, std::size_t rows, float* widened) {
    widen(first, rows, widened);
    kernels::linear_f32(x.rows, rows, inputs_, x.data, x.stride, widened, inputs_, accumulate,
                        y.data + first, y.stride);
  };
  if (x.rows <= kFewTokens) {
    const std::size_t strip = rows_within(kStripBytes, inputs_, 4);
    kernels::parallel_for((outputs_ + strip - 1) / strip, 1, [&](std::size_t i) {
      auto* widened = static_cast<float*>(
          kernels::scratch(kernels::Scratch::extra, strip * inputs_ * sizeof(float)));
      multiply(i * strip, std::min(strip, outputs_ - i * strip), widened);
    });
  } else {
    const std::size_t chunk = std::min(rows_within(kChunkBytes, inputs_, 64), outputs_);
    Matrix widened = Matrix::uninitialized(chunk, inputs_);
    for (std::size_t first = 0; first < outputs_; first += chunk)
      multiply(first, std::min(chunk, outputs_ - first), widened.data());
  }
}

void HalfLinear::copy_row(std::size_t output, std::span<float> out) const {
  widen(output, 1, out.data());
}

void PackedLinear::apply(ConstMatrixView x, MatrixView y, bool accumulate) const {
  weight_.multiply(x, y, activations_, bias_, accumulate);
}

void PackedLinear::copy_row(std::size_t output, std::span<float> out) const {
  weight_.copy_row(output, out);
}

}  // namespace libquant
