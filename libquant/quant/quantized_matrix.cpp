#include "libquant/quant/quantized_matrix.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/threads.h"
#include "libquant/core/error.h"

namespace libquant {
namespace {

float dequantized(double scale, double offset, std::uint8_t code) noexcept {
  return static_cast<float>(scale * code + offset);
}

/// Everything is looked through several values at a time first; only what is wrong is looked for
/// one by one.
void check_codes(const QuantizedMatrix& matrix, std::string_view tensor) {
  const int max_code = matrix.scheme.max_code();
  std::uint8_t most = 0;
  for (const std::uint8_t code : matrix.codes) most = std::max(most, code);
  if (most <= max_code) return;
  const auto bad = std::ranges::find_if(matrix.codes, [&](int code) { return code > max_code; });
  const auto i = static_cast<std::size_t>(bad - matrix.codes.begin());
  fail<FormatError>("{}: code {} at row {}, column {} is above {} ({} bits)", tensor, *bad,
                    i / matrix.cols, i % matrix.cols, max_code, matrix.scheme.bits);
}

void check_floats(const std::vector<float>& values, const QuantizedMatrix& matrix,
                  std::string_view name, std::string_view tensor) {
  const ScaleType type = matrix.scheme.scale_type;
  std::vector<float> rounded(values);
  round_to(type, rounded);
  bool good = true;
  for (std::size_t i = 0; i < values.size(); ++i)
    good &= rounded[i] == values[i] && rounded[i] - rounded[i] == 0;
  for (std::size_t i = 0; i < values.size() && !good; ++i) {
    require<FormatError>(std::isfinite(values[i]), "{}: {} of row {}, group {} is not finite",
                         tensor, name, i / matrix.groups(), i % matrix.groups());
    require<FormatError>(rounded[i] == values[i],
                         "{}: {} {} of row {}, group {} is not a value of {}", tensor, name,
                         values[i], i / matrix.groups(), i % matrix.groups(), to_string(type));
  }
}

void check_zeros(const QuantizedMatrix& matrix, std::string_view tensor) {
  for (std::size_t i = 0; i < matrix.zeros.size(); ++i)
    require<FormatError>(
        matrix.zeros[i] >= matrix.scheme.zero_min && matrix.zeros[i] <= matrix.scheme.max_code(),
        "{}: zero point {} of row {}, group {} is not in [{}, {}]", tensor, matrix.zeros[i],
        i / matrix.groups(), i % matrix.groups(), matrix.scheme.zero_min, matrix.scheme.max_code());
}

}  // namespace

double QuantizedMatrix::offset(std::size_t r, std::size_t g) const noexcept {
  const std::size_t at = r * groups() + g;
  switch (scheme.zero) {
    case ZeroKind::symmetric:
      return -double{scales[at]} * scheme.symmetric_zero();
    case ZeroKind::asymmetric:
      return -double{scales[at]} * zeros[at];
    case ZeroKind::minimum:
      return minimums[at];
  }
  return 0;
}

float QuantizedMatrix::value(std::size_t r, std::size_t g, std::uint8_t code) const noexcept {
  return dequantized(scales[r * groups() + g], offset(r, g), code);
}

GroupParameters QuantizedMatrix::parameters(std::size_t r, std::size_t g) const noexcept {
  const std::size_t at = r * groups() + g;
  GroupParameters found{.scale = scales[at]};
  if (scheme.zero == ZeroKind::symmetric)
    found.zero = static_cast<std::uint8_t>(scheme.symmetric_zero());
  if (scheme.zero == ZeroKind::asymmetric) found.zero = zeros[at];
  if (scheme.zero == ZeroKind::minimum) found.minimum = minimums[at];
  return found;
}

void QuantizedMatrix::set_parameters(std::size_t r, std::size_t g,
                                     const GroupParameters& parameters) noexcept {
  const std::size_t at = r * groups() + g;
  scales[at] = parameters.scale;
  if (scheme.zero == ZeroKind::asymmetric) zeros[at] = parameters.zero;
  if (scheme.zero == ZeroKind::minimum) minimums[at] = parameters.minimum;
}

QuantizedMatrix make_quantized(const Scheme& scheme, std::size_t rows, std::size_t cols) {
  check_scheme(scheme, cols, "quantized matrix");
  require(rows <= std::numeric_limits<std::size_t>::max() / cols,
          "a quantized matrix of {} x {} does not fit into memory", rows, cols);
  QuantizedMatrix made;
  made.scheme = scheme;
  made.rows = rows;
  made.cols = cols;
  const std::size_t parameters = rows * scheme.groups(cols);
  made.codes.resize(rows * cols);
  made.scales.resize(parameters, 1.0f);
  if (scheme.zero == ZeroKind::asymmetric)
    made.zeros.resize(parameters, static_cast<std::uint8_t>(scheme.zero_min));
  if (scheme.zero == ZeroKind::minimum) made.minimums.resize(parameters);
  return made;
}

void check_quantized(const QuantizedMatrix& matrix, std::string_view tensor) {
  try {
    check_scheme(matrix.scheme, matrix.cols, tensor);
  } catch (const InvalidArgument& error) {
    throw FormatError(error.what());
  }
  const auto check_size = [&](std::size_t found, std::size_t expected, std::string_view name) {
    require<FormatError>(found == expected, "{}: {} {}, expected {} for {} x {}, {}", tensor, found,
                         name, expected, matrix.rows, matrix.cols, to_string(matrix.scheme));
  };
  const std::size_t parameters = matrix.rows * matrix.groups();
  check_size(matrix.codes.size(), matrix.rows * matrix.cols, "codes");
  check_size(matrix.scales.size(), parameters, "scales");
  check_size(matrix.zeros.size(), matrix.scheme.zero == ZeroKind::asymmetric ? parameters : 0,
             "zero points");
  check_size(matrix.minimums.size(), matrix.scheme.zero == ZeroKind::minimum ? parameters : 0,
             "minimums");
  if (!matrix.group_of.empty()) check_size(matrix.group_of.size(), matrix.cols, "group indices");
  for (std::size_t c = 0; c < matrix.group_of.size(); ++c)
    require<FormatError>(matrix.group_of[c] < matrix.groups(),
                         "{}: column {} is in group {}, but there are {}", tensor, c,
                         matrix.group_of[c], matrix.groups());
  check_codes(matrix, tensor);
  check_floats(matrix.scales, matrix, "scale", tensor);
  check_floats(matrix.minimums, matrix, "minimum", tensor);
  check_zeros(matrix, tensor);
}

void dequantize_rows(const QuantizedMatrix& matrix, std::size_t row_begin, MatrixView out) {
  require(
      row_begin <= matrix.rows && out.rows <= matrix.rows - row_begin && out.cols == matrix.cols,
      "dequantize rows {} to {} into {} columns: the matrix is {} x {}", row_begin,
      row_begin + out.rows, out.cols, matrix.rows, matrix.cols);
  const std::size_t width = matrix.scheme.columns_per_group(matrix.cols);
  kernels::parallel_for(out.rows, 16, [&](std::size_t i) {
    const std::size_t r = row_begin + i;
    const std::uint8_t* codes = matrix.codes.data() + r * matrix.cols;
    float* to = out.data + i * out.stride;
    if (!matrix.group_of.empty()) {
      for (std::size_t c = 0; c < matrix.cols; ++c)
        to[c] = matrix.value(r, matrix.group_of[c], codes[c]);
      return;
    }
    for (std::size_t g = 0; g < matrix.groups(); ++g) {
      const double scale = matrix.scales[r * matrix.groups() + g];
      const double offset = matrix.offset(r, g);
      for (std::size_t c = g * width; c < (g + 1) * width; ++c)
        to[c] = dequantized(scale, offset, codes[c]);
    }
  });
}

Matrix dequantize(const QuantizedMatrix& matrix) {
  Matrix made(matrix.rows, matrix.cols);
  dequantize_rows(matrix, 0, made.view());
  return made;
}

}  // namespace libquant
