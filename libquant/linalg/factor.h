#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "libquant/core/large_vector.h"

namespace libquant {

/// In place, row-major [n x n]: the lower triangle of a symmetric A becomes L^-1, with A = L L^T;
/// above it zeros are written. False when A is not positive definite or not finite; the content is
/// then undefined. One recursion gives the factor and its inverse together, nearly all of it in
/// kernels::gemm_f64: about 0.8 n^3 multiply-adds and 256 x n doubles of workspace.
bool inverse_cholesky(std::span<double> a, std::size_t n);

/// U, upper triangular (zeros below), row-major [n x n], with (P A P^T)^-1 = U^T U: the factor that
/// GPTQ's updates use (Frantar et al. 2022, step "Cholesky reformulation") for columns visited in
/// `order`. With J the reversal, J P A P^T J = L L^T gives U = J L^-1 J.
///
/// A is `lower` (the lower triangle of H, row-major) with `ridge` added to its diagonal, and a
/// diagonal of `unused` where H's is 0. Empty when A is not positive definite.
LargeVector<double> inverse_factor(std::span<const double> lower,
                                   std::span<const std::uint32_t> order, double ridge,
                                   double unused);

}  // namespace libquant
