#include "libquant/model/load.h"

#include <string>

#include "libquant/core/error.h"

namespace libquant {

void check_shape(const WeightSource& source, std::string_view name, std::size_t rows,
                 std::size_t cols) {
  const WeightSource::Info info = source.info(name);
  require<FormatError>(info.rows == rows && info.cols == cols,
                       "{}: the config asks for {} x {}, the file holds {} x {}", name, rows, cols,
                       info.rows, info.cols);
}

std::vector<float> load_bias(const WeightSource& source, std::string_view linear, std::size_t size,
                             bool exists) {
  const std::string name = std::string(linear) + ".bias";
  if (exists) return load_vector(source, name, size);
  require<FormatError>(!source.has(name),
                       "{}: the file holds it, the config says that there is none", name);
  return {};
}

void check_finite(std::string_view name, std::size_t first_row, ConstMatrixView values) {
  if (const auto odd = first_not_finite(values))
    fail<FormatError>("{}: row {}, column {} is {}", name, first_row + odd->row, odd->col,
                      values.row(odd->row)[odd->col]);
}

Matrix load_matrix(const WeightSource& source, std::string_view name, std::size_t rows,
                   std::size_t cols) {
  check_shape(source, name, rows, cols);
  Matrix values = source.load(name);
  check_finite(name, 0, values);
  return values;
}

std::vector<float> load_vector(const WeightSource& source, std::string_view name,
                               std::size_t size) {
  check_shape(source, name, 1, size);
  std::vector<float> values(size);
  const MatrixView row{values.data(), 1, size, size};
  source.load_rows(name, 0, row);
  check_finite(name, 0, row);
  return values;
}

}  // namespace libquant
