#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "libquant/algorithms/metric.h"
#include "libquant/core/matrix.h"
#include "libquant/linalg/hessian.h"
#include "libquant/quant/grid.h"
#include "libquant/quant/quantized_matrix.h"
#include "libquant/quant/scheme.h"

namespace libquant {

enum class Method : std::uint8_t { rtn, gptq };
std::string_view to_string(Method method) noexcept;
Method method_from(std::string_view name);

/// The clip search that the program uses unless told otherwise: for gptq 20 steps weighted by the
/// Hessian's diagonal, which is worth more than any other setting (docs/numerics.md); none for rtn,
/// so that it stays the plain baseline that needs no calibration.
ClipSearch default_clip(Method method) noexcept;

/// Everything that decides the codes of one layer.
struct LayerOptions {
  Method method = Method::gptq;
  Scheme scheme;
  ClipSearch clip;  ///< none; see default_clip()
  ActOrder act_order = ActOrder::group;
  double damping = 0.01;  ///< of mean(diag H)
  std::size_t block_columns = 128;
  /// Group scales (and minimums) are fitted again by least squares once all codes are chosen; see
  /// scale_refit.h. Needs the metric, for rtn, too.
  bool scale_refit = false;
};

/// What happened to one layer. Errors are tr((Q-W) H (Q-W)^T) / tr(W H W^T) when there is an H,
/// |Q-W|^2 / |W|^2 otherwise.
struct LayerReport {
  double error = 0;
  double rtn_error = 0;  ///< of round-to-nearest with the same grid and clip, same measure
  double damping = 0;    ///< used, after the ladder; 0 for rtn
  int damping_attempts = 0;
  std::size_t tokens = 0;
  std::size_t dead_columns = 0;
  bool group_fallback = false;    ///< the scheme's group did not divide; another was used
  std::string fallback;           ///< empty, or why GPTQ became round-to-nearest
  std::size_t refitted_rows = 0;  ///< rows whose scales a refit made better
  double seconds = 0;
};

struct LayerResult {
  QuantizedMatrix matrix;
  LayerReport report;
};

/// Quantizes W[outputs x inputs] under the metric's quadratic form (its size = inputs). Make one
/// Metric for all layers with the same inputs: it keeps the factor. When the metric cannot be
/// factored even with the last step of the damping ladder, or the solution is not finite, the layer
/// is rounded to nearest and `report.fallback` says so. Deterministic at any thread count. Throws
/// InvalidArgument, naming `tensor`, for weights that are not finite or too large for the scheme's
/// stored scale, and for shapes and options that do not fit.
LayerResult quantize_layer(ConstMatrixView weights, Metric& metric, const LayerOptions& options,
                           std::string_view tensor);
/// The same under S = H. `hessian` may be null for rtn; for gptq it is required.
LayerResult quantize_layer(ConstMatrixView weights, const Hessian* hessian,
                           const LayerOptions& options, std::string_view tensor);

}  // namespace libquant
