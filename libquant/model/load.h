#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "libquant/model/weight_source.h"

namespace libquant {

/// Loads a tensor of exactly this shape with finite values; FormatError naming it otherwise.
Matrix load_matrix(const WeightSource& source, std::string_view name, std::size_t rows,
                   std::size_t cols);
std::vector<float> load_vector(const WeightSource& source, std::string_view name, std::size_t size);
/// `linear`.bias of a layer that has one by the config, empty for others; FormatError naming it for
/// a bias that the config does not have.
std::vector<float> load_bias(const WeightSource& source, std::string_view linear, std::size_t size,
                             bool exists);
/// FormatError naming the tensor unless it is stored in this shape.
void check_shape(const WeightSource& source, std::string_view name, std::size_t rows,
                 std::size_t cols);
/// FormatError naming the tensor unless all values are finite; `first_row` is where `values` begin.
void check_finite(std::string_view name, std::size_t first_row, ConstMatrixView values);

}  // namespace libquant
