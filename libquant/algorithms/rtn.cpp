#include "libquant/algorithms/rtn.h"

#include <algorithm>

#include "kernels/threads.h"
#include "libquant/algorithms/row_strips.h"
#include "libquant/core/large_vector.h"
#include "libquant/quant/affine_grid.h"

namespace libquant {
namespace {

void round_row(std::size_t row, std::span<const double> values, std::span<const double> importance,
               const ClipSearch& clip, QuantizedMatrix& into) {
  const std::size_t width = into.scheme.columns_per_group(into.cols);
  for (std::size_t g = 0; g < into.groups(); ++g) {
    const auto group = values.subspan(g * width, width);
    const auto weights = importance.empty() ? importance : importance.subspan(g * width, width);
    const GroupParameters parameters = fit_group(group, weights, into.scheme, clip);
    into.set_parameters(row, g, parameters);
    const AffineGrid grid(parameters, into.scheme);
    std::uint8_t* codes = into.codes.data() + row * into.cols + g * width;
    for (std::size_t i = 0; i < width; ++i)
      codes[i] = static_cast<std::uint8_t>(grid.code(group[i]));
  }
}

}  // namespace

QuantizedMatrix round_to_nearest(ConstMatrixView weights, std::span<const double> importance,
                                 const Scheme& scheme, const ClipSearch& clip) {
  QuantizedMatrix made = make_quantized(scheme, weights.rows, weights.cols);
  LargeVector<double> strip(strip_rows(weights.rows, weights.cols) * weights.cols);
  for_each_strip(weights.rows, weights.cols, [&](std::size_t begin, std::size_t rows) {
    kernels::parallel_for(rows, 4, [&](std::size_t r) {
      const std::span<double> values(strip.data() + r * weights.cols, weights.cols);
      std::ranges::copy(weights.row(begin + r), values.begin());
      round_row(begin + r, values, importance, clip, made);
    });
  });
  return made;
}

}  // namespace libquant
