#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "libquant/core/matrix.h"
#include "libquant/linalg/hessian.h"
#include "libquant/quant/grid.h"
#include "libquant/quant/quantized_matrix.h"
#include "libquant/quant/scheme.h"

namespace libquant {

enum class Method : std::uint8_t { rtn, gptq };
std::string_view to_string(Method method) noexcept;
Method method_from(std::string_view name);

/// Order in which GPTQ visits columns. Groups always stay the contiguous columns of the file, so no
/// order needs g_idx.
enum class ActOrder : std::uint8_t {
  none,        ///< as stored
  group,       ///< by diag(H), descending, inside each group; groups by their largest entry
  static_all,  ///< all columns by diag(H), descending; group parameters fitted up front
};
std::string_view to_string(ActOrder order) noexcept;
ActOrder act_order_from(std::string_view name);

/// Everything that decides the codes of one layer.
struct LayerOptions {
  Method method = Method::gptq;
  Scheme scheme;
  ClipSearch clip;
  ActOrder act_order = ActOrder::group;
  double damping = 0.01;  ///< of mean(diag H)
  std::size_t block_columns = 128;
};

/// What happened to one layer. Errors are tr((Q-W) H (Q-W)^T) / tr(W H W^T) when there is an H,
/// |Q-W|^2 / |W|^2 otherwise.
struct LayerReport {
  double error = 0;
  double rtn_error = 0;  ///< of round-to-nearest with the same grid and clip, same measure
  double damping = 0;    ///< used, after the ladder
  int damping_attempts = 0;
  std::size_t tokens = 0;
  std::size_t dead_columns = 0;
  bool group_fallback = false;  ///< the scheme's group did not divide; another was used
  std::string fallback;         ///< empty, or why GPTQ became round-to-nearest
  double seconds = 0;
};

struct LayerResult {
  QuantizedMatrix matrix;
  LayerReport report;
};

/// Quantizes W[outputs x inputs]. `hessian` (size = inputs) may be null for rtn; for gptq it is
/// required. When H cannot be factored even with the last step of the damping ladder the layer is
/// rounded to nearest and the report says so. Deterministic at any thread count.
/// Throws InvalidArgument for non-finite weights or shapes that do not fit, naming `tensor`.
LayerResult quantize_layer(ConstMatrixView weights, const Hessian* hessian,
                           const LayerOptions& options, std::string_view tensor);

}  // namespace libquant
