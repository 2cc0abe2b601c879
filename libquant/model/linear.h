#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libquant/core/dtype.h"
#include "libquant/core/matrix.h"
#include "libquant/model/weight_source.h"
#include "libquant/quant/packed_matrix.h"

namespace libquant {

struct Linear;

/// y = x W^T + bias, however W lies in memory; chosen when a model is loaded. Const methods are
/// safe from many threads, but already use all of them.
class LinearLayer {
 public:
  virtual ~LinearLayer() = default;
  virtual std::size_t outputs() const noexcept = 0;
  virtual std::size_t inputs() const noexcept = 0;
  /// y: [x.rows x outputs], contiguous rows; with `accumulate` the result is added to it. Sizes are
  /// the caller's to get right.
  virtual void apply(ConstMatrixView x, MatrixView y, bool accumulate = false) const = 0;
  /// Row `output` of W as fp32: an embedding.
  virtual void copy_row(std::size_t output, std::span<float> out) const = 0;
  /// Memory of the weights.
  virtual std::size_t bytes() const noexcept = 0;
  /// This layer where it is fp32, else null.
  virtual const Linear* dense() const noexcept { return nullptr; }
};

/// What every layer makes of the same input. Layers in fp32 read it once.
std::vector<Matrix> apply_each(std::span<const LinearLayer* const> layers, ConstMatrixView x);
/// The same into `y`, one for every layer.
void apply_each(std::span<const LinearLayer* const> layers, ConstMatrixView x,
                std::span<const MatrixView> y);

/// W in fp32: what the quantizers and gradients work on.
struct Linear final : LinearLayer {
  Linear() = default;
  Linear(Matrix w, std::vector<float> b) : weight(std::move(w)), bias(std::move(b)) {}

  Matrix weight;            ///< [outputs x inputs]
  std::vector<float> bias;  ///< empty or [outputs]

  std::size_t outputs() const noexcept override { return weight.rows(); }
  std::size_t inputs() const noexcept override { return weight.cols(); }
  void apply(ConstMatrixView x, MatrixView y, bool accumulate = false) const override;
  void copy_row(std::size_t output, std::span<float> out) const override;
  const Linear* dense() const noexcept override { return this; }
  std::size_t bytes() const noexcept override { return weight.size() * sizeof(float); }
};

/// W in 16 bits, widened a strip at a time while it is multiplied: the results of fp32 weights for
/// half the memory. Or multiplied as it is: bf16 with inputs rounded to bf16.
class HalfLinear final : public LinearLayer {
 public:
  /// `type`: f16 or bf16; every weight must be a value of it. NotSupported for Activations::bf16
  /// with bf16 weights where this processor has no such products.
  HalfLinear(std::size_t outputs, std::size_t inputs, DType type, std::vector<std::uint16_t> weight,
             std::vector<float> bias, Activations activations = Activations::exact);

  std::size_t outputs() const noexcept override { return outputs_; }
  std::size_t inputs() const noexcept override { return inputs_; }
  void apply(ConstMatrixView x, MatrixView y, bool accumulate = false) const override;
  void copy_row(std::size_t output, std::span<float> out) const override;
  std::size_t bytes() const noexcept override { return weight_.size() * sizeof(weight_[0]); }

 private:
  void widen(std::size_t first, std::size_t rows, float* out) const;
  void apply_widened(ConstMatrixView x, MatrixView y, bool accumulate) const;

  std::size_t outputs_, inputs_;
  DType type_;
  bool rounds_;  // inputs, to bf16
  std::vector<std::uint16_t> weight_;
  std::vector<float> bias_;
};

/// W as codes.
class PackedLinear final : public LinearLayer {
 public:
  PackedLinear(const QuantizedMatrix& weight, std::vector<float> bias, Activations activations)
      : weight_(weight), bias_(std::move(bias)), activations_(activations) {}

  std::size_t outputs() const noexcept override { return weight_.rows(); }
  std::size_t inputs() const noexcept override { return weight_.cols(); }
  void apply(ConstMatrixView x, MatrixView y, bool accumulate = false) const override;
  void copy_row(std::size_t output, std::span<float> out) const override;
  std::size_t bytes() const noexcept override { return weight_.bytes(); }

 private:
  PackedMatrix weight_;
  std::vector<float> bias_;
  Activations activations_;
};

/// How a model computes.
struct ModelOptions {
  Activations activations = Activations::exact;
};

/// How the matrices of one stored type are held by a model in memory.
struct WeightUse {
  enum class Form : std::uint8_t {
    codes,       ///< as stored: packed kernels
    codes_in_8,  ///< 5- and 6-bit codes in 8 bits each
    half,        ///< 16 bits as stored
    f32,         ///< as stored, or expanded: there is no kernel for the type
  };
  std::string stored;  ///< WeightSource::Info::type
  Form form = Form::f32;
  std::size_t matrices = 0, stored_bytes = 0, bytes = 0;

  /// Takes more memory than it is stored in because no kernel computes with it as it is.
  bool expanded() const noexcept;
};
std::string_view to_string(WeightUse::Form form) noexcept;

/// Adds up what load_linear_layer does.
class WeightUses {
 public:
  void add(const WeightSource::Info& info, WeightUse::Form form, std::size_t bytes);
  const std::vector<WeightUse>& all() const noexcept { return uses_; }  ///< in order of first use

 private:
  std::vector<WeightUse> uses_;
};

/// Loads `name`.weight (and `name`.bias where `bias`) in the form that takes least memory.
/// FormatError naming the tensor where one is missing, has another shape or holds values that are
/// not finite.
std::unique_ptr<const LinearLayer> load_linear_layer(const WeightSource& source,
                                                     std::string_view name, std::size_t outputs,
                                                     std::size_t inputs, bool bias,
                                                     const ModelOptions& options, WeightUses& uses);

}  // namespace libquant
