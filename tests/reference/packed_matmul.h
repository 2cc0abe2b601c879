#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/packed_matmul.h"
#include "tests/reference/matmul.h"

namespace libquant::reference {

/// A quantized matrix and the arithmetic of kernels/packed_matmul.h, one weight at a time and
/// without packing.
struct CodedMatrix {
  kernels::PackedFormat format;
  std::vector<std::uint8_t> codes;
  std::vector<float> scales;
  std::vector<std::uint8_t> zeros;
  std::vector<float> minimums;

  std::size_t group_of(std::size_t col) const { return format.group == 0 ? 0 : col / format.group; }
  std::size_t at(std::size_t row, std::size_t group) const { return row * format.groups() + group; }
  /// Code minus zero point.
  std::int32_t level(std::size_t row, std::size_t col) const {
    const std::int32_t code = codes[row * format.cols + col];
    if (format.zero == kernels::PackedZero::symmetric) return code - format.symmetric_zero();
    return format.zero == kernels::PackedZero::integer ? code - zeros[at(row, group_of(col))]
                                                       : code;
  }
  float minimum(std::size_t row, std::size_t col) const {
    return format.zero == kernels::PackedZero::minimum ? minimums[at(row, group_of(col))] : 0.0f;
  }
  float weight(std::size_t row, std::size_t col) const {
    const float scale = scales[at(row, group_of(col))];
    return std::fma(scale, static_cast<float>(level(row, col)), minimum(row, col));
  }
};

/// Columns [begin, end) of one token as int8 terms: x is about scale * codes, or the residual.
struct QuantizedRun {
  std::size_t begin, end;
  float scale[2];
  std::vector<std::int32_t> codes[2];
};

inline std::int32_t to_int8(float value) {
  return static_cast<std::int32_t>(std::nearbyint(std::max(-127.0f, std::min(127.0f, value))));
}

inline float largest_magnitude(const float* x, std::size_t begin, std::size_t end) {
  float most = 0;
  for (std::size_t k = begin; k < end; ++k) {
    if (!std::isfinite(x[k])) return std::numeric_limits<float>::infinity();
    most = std::max(most, std::fabs(x[k]));
  }
  return most;
}

/// The runs of one token, as the header describes them.
inline std::vector<QuantizedRun> quantize_token(const kernels::PackedFormat& format, const float* x,
                                                const kernels::MatmulOptions& options) {
  using kernels::ActivationScale;
  const bool by_group = options.scale == ActivationScale::group;
  std::size_t width = format.group;
  if (width == 0) width = by_group ? 128 : 32768;
  const float all = largest_magnitude(x, 0, format.cols);
  std::vector<QuantizedRun> runs;
  for (std::size_t begin = 0; begin < format.cols; begin += width) {
    QuantizedRun run{begin, std::min(begin + width, format.cols), {}, {}};
    const float largest = by_group ? largest_magnitude(x, run.begin, run.end) : all;
    float scale = largest / 127.0f, inverse = 127.0f / largest;
    if (largest < 0x1p-100f) scale = inverse = 0;
    if (options.scale == ActivationScale::tensor) {
      scale = options.tensor_scale;
      inverse = 1 / scale;
    }
    if (std::isinf(largest)) {
      scale = std::numeric_limits<float>::quiet_NaN();
      inverse = 0;
    }
    run.scale[0] = scale;
    run.scale[1] = scale / 254.0f;
    for (std::size_t k = run.begin; k < run.end; ++k) {
      const float value = std::isfinite(x[k]) ? x[k] : 0;
      const std::int32_t q = to_int8(value * inverse);
      run.codes[0].push_back(q);
      const float error = std::isnan(scale) ? 0 : std::fma(-scale, static_cast<float>(q), value);
      run.codes[1].push_back(to_int8(error * (inverse * 254.0f)));
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

inline float finish(float total, const kernels::MatmulOptions& options, std::size_t row,
                    float earlier) {
  const float bias = options.bias == nullptr ? 0.0f : options.bias[row];
  const float value = std::fma(total, options.alpha, bias);
  return options.accumulate ? earlier + value : value;
}

/// One output of an int8 mode: every byte of it is what the kernels must give.
inline float int8_output(const CodedMatrix& w, std::size_t row,
                         const std::vector<QuantizedRun>& runs, bool residual,
                         const kernels::MatmulOptions& options, float earlier) {
  float total[2] = {0, 0};
  for (const QuantizedRun& run : runs) {
    for (std::size_t term = 0; term < (residual ? 2u : 1u); ++term) {
      std::int32_t product = 0, sum = 0;
      for (std::size_t k = run.begin; k < run.end; ++k) {
        const std::int32_t q = run.codes[term][k - run.begin];
        product += q * w.level(row, k);
        sum += q;
      }
      const float scale = w.scales[w.at(row, w.group_of(run.begin))];
      total[term] = std::fma(static_cast<float>(product) * scale, run.scale[term], total[term]);
      if (w.format.zero == kernels::PackedZero::minimum)
        total[term] = std::fma(w.minimum(row, run.begin), run.scale[term] * static_cast<float>(sum),
                               total[term]);
    }
  }
  return finish(residual ? total[0] + total[1] : total[0], options, row, earlier);
}

/// One output of exact mode.
inline float exact_output(const CodedMatrix& w, std::size_t row, const float* x,
                          const kernels::MatmulOptions& options, float earlier) {
  float total = 0;
  for (std::size_t begin = 0; begin < w.format.cols; begin += 128) {
    float sum = 0;
    for (std::size_t k = begin; k < std::min(begin + 128, w.format.cols); ++k)
      sum = std::fma(w.weight(row, k), x[k], sum);
    total += sum;
  }
  return finish(total, options, row, earlier);
}

/// The product in long double and how far a mode may be from it.
///
/// Exact mode: sum_bound over the columns, twice the roundoff for the weight's own rounding.
/// int8: a column's activation is off by at most half a step (1 / 508 of one with the residual),
/// and a little for the rounded scale; the sums of a run are exact, so that rounding enters through
/// two fused steps per run, four roundings each, of terms no larger than the magnitudes below.
struct Bounded {
  double value = 0;
  double bound = 0;
};

inline Bounded true_output(const CodedMatrix& w, std::size_t row, const float* x,
                           const std::vector<QuantizedRun>& runs, kernels::ActivationMode mode) {
  const bool exact = mode == kernels::ActivationMode::exact;
  const double part = mode == kernels::ActivationMode::int8_residual ? 0.5 / 254 : 0.5;
  Bounded out;
  long double value = 0;
  double magnitude = 0, activation_error = 0;
  for (const QuantizedRun& run : runs) {
    for (std::size_t k = run.begin; k < run.end; ++k) {
      const double scale = w.scales[w.at(row, w.group_of(k))];
      const double weight = scale * w.level(row, k) + double{w.minimum(row, k)};
      const double size = std::fabs(scale * w.level(row, k)) + std::fabs(w.minimum(row, k));
      value += static_cast<long double>(weight) * x[k];
      const double step = exact ? 0 : run.scale[0];
      magnitude += size * (std::fabs(x[k]) + step);
      activation_error += std::fabs(weight) * step * part * (1 + 0x1p-12);
    }
  }
  out.value = static_cast<double>(value);
  const std::size_t roundings = exact ? 2 * w.format.cols : 8 * runs.size();
  out.bound = activation_error + sum_bound(roundings, kUnitF32, magnitude);
  return out;
}

}  // namespace libquant::reference
