#include "libquant/model/weight_source.h"

namespace libquant {

Matrix WeightSource::load(std::string_view name) const {
  const Info shape = info(name);
  Matrix values = Matrix::uninitialized(shape.rows, shape.cols);
  load_rows(name, 0, values);
  return values;
}

}  // namespace libquant
